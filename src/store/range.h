/* Ranges of the store's blocks, [first, end), and lists of them.  Private to
 * store/.
 *
 * A list is *normal* when it is sorted and no two ranges meet.  Not shared
 * between threads.
 */
#ifndef STORE_RANGE_H
#define STORE_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct err;

struct range {
	uint64_t first, end;
};

struct ranges {
	struct range *at;
	size_t n, cap;
};

#define AUTO_RANGES CLEANUP(ranges_release)

void ranges_release(struct ranges *r);

/* Appends; a range that begins where the last one ends is joined to it. */
int ranges_push(struct ranges *r, struct range x, struct err *e);

void ranges_normalise(struct ranges *r);

/* The first range that ends behind the block, or n; r is normal. */
size_t ranges_find(const struct ranges *r, uint64_t block);

/* Appends all of `b` to `a`; normal again. */
int ranges_add(struct ranges *a, const struct ranges *b, struct err *e);

/* Appends what of r lies outside of the normal list `holes`. */
int ranges_push_outside(struct ranges *out, struct range r,
    const struct ranges *holes, struct err *e);

/* Do two normal lists meet? */
bool ranges_overlap(const struct ranges *a, const struct ranges *b);

/* The blocks that [off, off + len) of `data` touches. */
struct range range_of_bytes(uint64_t off, uint64_t len);

#endif
