/* Chunks of several blobs in one order: what a profile says a start reads.
 *
 * They are asked for with priority SOON, tens of MiB ahead of what has come:
 * in this order, so that a slow link brings first what is read first; and so
 * many at once, so that those that are neighbours in their blob become one
 * request wherever they stand in the order.  A reader that wants one of them
 * meanwhile moves it up and widens nothing: what else he will want is coming.
 *
 *	fetch_ordered() -> on_done, exactly once
 *
 * Everything here belongs to the caller and stays as it is until then.  Any
 * thread; never blocks.
 */
#ifndef FETCH_ORDERED_H
#define FETCH_ORDERED_H

#include <stddef.h>
#include <stdint.h>

struct blob;
struct err;
struct fetcher;

struct ordered_range {
	struct blob *blob;
	uint32_t first_chunk, last_chunk; /* of its map */
};

struct ordered {
	const struct ordered_range *ranges;
	size_t n;
	/* Any thread, possibly before fetch_ordered() returns; never under a
	 * lock.  failure: the first; the rest was still tried, each chunk once
	 * at every source.  ECANCELED ends all of it. */
	void (*on_done)(struct ordered *o, const struct err *failure);

	void *state; /* private */
};

void fetch_ordered(struct fetcher *f, struct ordered *o);

#endif
