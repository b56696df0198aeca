/* Any tar, and a wish of what comes first in it: each of its bytes is in the new order,
 * once, and where entries were moved it is a tar of as many entries. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "convert/tar_order.h"
#include "codec/tar.h"
#include "codec/tar_seal.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { PICKS = 64 };

struct reading {
	struct tar_sink sink;
	struct tar_order *order; /* or NULL */
	size_t n_entries;
	uint8_t wish; /* which of them are picked */
	char *picks[PICKS];
	unsigned n_picks;
};

static int
on_entry(struct tar_sink *s, const struct tar_entry *x, struct err *e)
{
	struct reading *r = container_of(s, struct reading, sink);
	uint64_t hash = hash_bytes(x->path, x->path_len, r->wish);

	r->n_entries++;
	if (r->order == NULL)
		return 0;
	if (hash % 4 == 0 && r->n_picks < PICKS)
		r->picks[r->n_picks++] = strndup(x->path, x->path_len);
	return tar_order_entry(r->order, x, e);
}

static int
read_tar(struct reading *r, const uint8_t *p, size_t n, struct err *e)
{
	AUTO_TAR struct tar *t = tar_new(e);

	r->sink = (struct tar_sink){ .entry = on_entry };
	return t != NULL && tar_feed(t, p, n, &r->sink, e) == 0 ? tar_end(t, e)
								: -1;
}

/* The first one picked is wished for last. */
static int
pick_all(struct reading *r, struct err *e)
{
	for (unsigned i = r->n_picks; i-- > 0;)
		if (tar_order_pick(r->order, r->picks[i], e) < 0)
			return -1;
	return 0;
}

static void
move(struct tar_order *o, const uint8_t *p, uint8_t *to, size_t n)
{
	AUTO_FREE uint8_t *seen = calloc(1, n + 1);
	struct tar_stretch s;
	size_t at = 0;

	assert(seen != NULL);
	for (; tar_order_next(o, &s); at += s.len) {
		assert(s.off <= n && s.len <= n - s.off && s.len <= n - at);
		assert(memchr(seen + s.off, 1, s.len) == NULL);
		memset(seen + s.off, 1, s.len);
		memcpy(to + at, p + s.off, s.len);
	}
	assert(at == n);
}

static void
reorder(struct reading *r, const uint8_t *p, size_t n)
{
	AUTO_FREE uint8_t *moved = malloc(n + 1);
	struct reading again = { .order = NULL };
	struct err e = ERR_INIT;

	if (moved == NULL || read_tar(r, p, n, &e) < 0 ||
	    tar_order_end(r->order, n, &e) < 0 || pick_all(r, &e) < 0)
		return;
	move(r->order, p, moved, n);
	assert(read_tar(&again, moved, n, &e) == 0);
	assert(again.n_entries == r->n_entries);
}

/* The first byte is the wish. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_FREE uint8_t *tar = n > 0 ? tar_sealed_copy(p + 1, n - 1) : NULL;
	struct err e = ERR_INIT;
	struct reading r = { .order = tar_order_new(&e) };

	if (tar != NULL && r.order != NULL) {
		r.wish = p[0];
		reorder(&r, tar, n - 1);
	}
	for (unsigned i = 0; i < r.n_picks; i++)
		free(r.picks[i]);
	tar_order_free(r.order);
	return 0;
}
