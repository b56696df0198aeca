/* Carries stretches from the thread that unpacks a layer to a task of the
 * decode pool that stores its files, so that both go on at once.
 *
 * The unpacking thread is given the belt's taker; it waits there while
 * BELT_BYTES lie on the belt, so a slow disk slows the download down.  The
 * storing task never waits for it: it ends when the belt is empty and is
 * submitted again with the next stretch.  It leaves the pool to others after a
 * few, too.  One stretch at a time, in order, on whichever decode thread.
 *
 *	init -> taker.empty, taker.take ... -> finish -> release
 *
 * What `store` fails with is what the next take, and finish, fail with.
 */
#ifndef FETCH_BELT_H
#define FETCH_BELT_H

#include <stdbool.h>
#include <stddef.h>

#include "format/format.h"
#include "base/err.h"
#include "base/lock.h"
#include "base/pool.h"

typedef int belt_store(void *ctx, const struct stretch *x, struct err *e);

struct belt {
	struct stretch_taker taker;
	struct task task;
	struct pool *pool;
	belt_store *store;
	void *ctx;

	struct lock lock; /* guards what follows */
	struct cond changed;
	struct list filled, spare; /* stretch.link */
	size_t n_filled, n_spare;
	bool is_storing; /* the task is queued or runs */
	struct err failure;
};

void belt_init(struct belt *b, struct pool *pool, belt_store *store, void *ctx);

/* Waits until all was stored.  What `store` wrote is the caller's to see
 * then. */
int belt_finish(struct belt *b, struct err *e);

/* Drops what lies on it, waits for the task. */
void belt_release(struct belt *b);

#endif
