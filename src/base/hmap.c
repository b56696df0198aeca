#include "base/hmap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 16 };

void
hmap_release(struct hmap *m)
{
	free(m->buckets);
	*m = HMAP_INIT;
}

static void
rehash(struct hmap *m, size_t n)
{
	struct hnode **to = calloc(n, sizeof *to);

	if (to == NULL) {
		assert(m->buckets != NULL);
		return;
	}
	for (size_t b = 0; m->buckets != NULL && b <= m->mask; b++) {
		struct hnode *next;

		for (struct hnode *h = m->buckets[b]; h != NULL; h = next) {
			next = h->next;
			h->next = to[h->hash & (n - 1)];
			to[h->hash & (n - 1)] = h;
		}
	}
	free(m->buckets);
	m->buckets = to;
	m->mask = n - 1;
}

void
hmap_insert(struct hmap *m, struct hnode *n, uint64_t hash)
{
	if (m->buckets == NULL)
		rehash(m, FIRST_BUCKETS);
	else if (m->count > m->mask)
		rehash(m, 2 * (m->mask + 1));
	n->hash = hash;
	n->next = m->buckets[hash & m->mask];
	m->buckets[hash & m->mask] = n;
	m->count++;
}

void
hmap_remove(struct hmap *m, struct hnode *n)
{
	struct hnode **p = &m->buckets[n->hash & m->mask];

	while (*p != n) {
		assert(*p != NULL);
		p = &(*p)->next;
	}
	*p = n->next;
	n->next = NULL;
	m->count--;
}

static struct hnode *
skip_to(struct hnode *n, uint64_t hash)
{
	while (n != NULL && n->hash != hash)
		n = n->next;
	return n;
}

struct hnode *
hmap_first(const struct hmap *m, uint64_t hash)
{
	if (m->buckets == NULL)
		return NULL;
	return skip_to(m->buckets[hash & m->mask], hash);
}

struct hnode *
hmap_next(const struct hnode *n)
{
	return skip_to(n->next, n->hash);
}

struct hnode *
hmap_any(const struct hmap *m)
{
	hmap_for_each(m, n)
		return n;
	return NULL;
}

uint64_t
hash_bytes(const void *p, size_t n, uint64_t seed)
{
	const uint8_t *s = p;
	uint64_t h = seed ^ n * 0x9E3779B97F4A7C15u;

	for (; n >= 8; n -= 8, s += 8) {
		uint64_t w;

		memcpy(&w, s, 8);
		h = hash_u64(h ^ w);
	}
	if (n > 0) {
		uint64_t w = 0;

		memcpy(&w, s, n);
		h = hash_u64(h ^ w);
	}
	return hash_u64(h);
}
