#include "index/arena.h"

#include <stdlib.h>

#include "base/bytes.h"

enum { CHUNK_BYTES = 256 << 10 };

struct arena_chunk {
	struct arena_chunk *next;
	uint64_t memory[];
};

static void *
new_chunk(struct arena *a, size_t n)
{
	struct arena_chunk *c = calloc(1, sizeof *c + n);

	if (c == NULL)
		return NULL;
	c->next = a->chunks;
	a->chunks = c;
	return c->memory;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	char *p;

	n = align_up(n, 8);
	if (n > CHUNK_BYTES / 8)
		return new_chunk(a, n);
	if (n > a->left) {
		p = new_chunk(a, CHUNK_BYTES);
		if (p == NULL)
			return NULL;
		a->at = p;
		a->left = CHUNK_BYTES;
	}
	p = a->at;
	a->at += n;
	a->left -= n;
	return p;
}

void
arena_release(struct arena *a)
{
	struct arena_chunk *next;

	for (struct arena_chunk *c = a->chunks; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	*a = (struct arena){ 0 };
}
