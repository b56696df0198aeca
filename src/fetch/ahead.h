/* What a start reads, asked for while the tables of contents are still on their
 * way: a profile knows the ranges of the blobs, too.
 *
 *	ahead_new -> ahead_meet for each blob that becomes known -> ahead_end
 *
 * A few ranges are read at a time, in their order.  What was not begun by
 * ahead_end() is not read; blobs that were not met by then are dropped.  Owned
 * by whoever made it, any thread; no call blocks.
 */
#ifndef FETCH_AHEAD_H
#define FETCH_AHEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

struct ahead;
struct blob;
struct fetcher;
struct source;

struct ahead_range {
	struct digest blob;
	uint64_t blob_size;
	uint64_t blob_off;
	uint32_t len;
	unsigned number; /* the blob's, for ahead_meet() */
};

/* Takes the ranges (from malloc); all are in the source.  NULL: no memory. */
struct ahead *ahead_new(
    struct fetcher *f, struct source *s, struct ahead_range *take, size_t n);

void ahead_meet(struct ahead *a, unsigned number, struct blob *b);

void ahead_end(struct ahead *a);

#endif
