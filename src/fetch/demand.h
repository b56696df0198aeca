/* Somebody who waits for chunks: a want, or a portion of a fill.
 *
 * Lives from demand_init() to its finish(), which comes exactly once, without
 * the lock, and owns the demand from then on.  All other functions are called
 * with the fetcher's lock held; those that may complete demands collect them in
 * `done`, for demands_finish() after the lock was released.
 */
#ifndef FETCH_DEMAND_H
#define FETCH_DEMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/source.h"
#include "base/err.h"
#include "base/list.h"

struct blob;
struct fetcher;
struct inflight;

/* Values of until_ns beside times. */
#define UNTIL_ONE_ROUND 0 /* once at every source */
#define UNTIL_FOREVER UINT64_MAX

struct demand {
	void (*finish)(struct demand *d);
	struct blob *blob;
	enum source_priority priority;
	uint64_t until_ns;                /* of fetcher.awake */
	const _Atomic uint64_t *limit_ns; /* a want's, or NULL */
	uint64_t since_ns;                /* demand_init() */
	bool outlives_failure;            /* one lost chunk does not end it */

	struct list link;    /* fetcher.demands, then a `done` list */
	struct list waiters; /* waiter.of_demand */
	unsigned missing;    /* waiters, and one while it is being set up */
	struct err failure;  /* the first; code 0: none */
};

/* Ties a demand to a chunk on its way. */
struct waiter {
	struct list of_chunk;
	struct list of_demand;
	struct demand *demand;
	struct inflight *chunk;
};

/* demand_init() registers it, demand_ready() ends its setting up: between the
 * two, with the lock held throughout, it is told what to wait for.  What fails
 * there counts from demand_ready() on. */
void demand_init(struct demand *d, struct blob *b);
void demand_wait_for(struct demand *d, struct inflight *i);
void demand_fail(struct demand *d, const struct err *failure);
void demand_ready(struct demand *d, struct list *done);

/* The waiter's chunk has come, or failed. */
void waiter_done(
    struct waiter *w, const struct err *failure, struct list *done);

/* Ends it now, whatever is still missing. */
void demand_end(struct demand *d, const struct err *failure, struct list *done);

/* Ends those whose time is up; when to look again. */
uint64_t demands_expire(struct fetcher *f, uint64_t now_ns, struct list *done);

/* Ends all of them now. */
void demands_cancel(
    struct fetcher *f, const struct err *failure, struct list *done);

/* Lock not held. */
void demands_finish(struct list *done);

#endif
