/* A chunk on its way: one record however many wait for it, keyed by blob and
 * chunk.  It copies what it needs of the map, so that it may outlive it.
 *
 * All functions are called with the fetcher's lock held.
 */
#ifndef FETCH_INFLIGHT_H
#define FETCH_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/source.h"
#include "store/map.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"

struct blob;
struct demand;
struct fetcher;

enum inflight_state {
	INFLIGHT_QUEUED,  /* in fetcher.queue[priority] */
	INFLIGHT_RUNNING, /* its link belongs to a piece or a replay */
	INFLIGHT_RESTING, /* in fetcher.resting */
};

/* Wrong bytes for one chunk, in all, before it is given up. */
enum { CORRUPT_TRIES = 3 };

struct inflight {
	struct hnode node;
	struct list link;
	struct list waiters; /* waiter.of_chunk */
	struct blob *blob;
	struct chunk chunk;
	uint32_t number; /* of the chunk in the map */
	uint64_t data_off;
	bool is_end;
	enum inflight_state state;
	enum source_priority priority;
	unsigned corrupt;
	unsigned rounds;
	uint32_t tried; /* origins, in this round */
	uint64_t rest_until_ns;
	struct err failure; /* the last */

	/* Written by who decodes it, while RUNNING; read at its settling. */
	bool is_stored;
	bool is_corrupt;
	uint64_t gave; /* whose bytes they were, as in source_read */
	struct digest
	    came;      /* of its range's bytes, when they were wrong last */
	unsigned same; /* how often running they have been those */
};

struct inflight *inflight_find(const struct blob *b, uint32_t chunk);

/* Not on its way and not present: fetching it would bring something. */
bool inflight_is_absent(struct blob *b, uint32_t chunk);

/* Queues the chunk, and zeros beside it in its object, unless it is present or
 * on its way; moves it up when it is queued less urgently.  NULL: it is
 * present; or no memory, *e. */
struct inflight *inflight_queue(struct blob *b, uint32_t chunk,
    enum source_priority priority, struct err *e);

/* The states' changes.  After those with `done` the record may be gone. */
void inflight_run(struct inflight *i);
void inflight_requeue(struct inflight *i);
/* Stored: is_stored; corrupt: is_corrupt; else `failure` is final. */
void inflight_settle(struct inflight *i, unsigned origin, struct list *done);
/* The origin could not give it; another is tried, or it rests. */
void inflight_missed(struct inflight *i, int origin, const struct err *failure,
    struct list *done);
/* Its last failure, and of which chunk. */
void inflight_say(const struct inflight *i, struct err *out);
/* For every waiter, and gone. */
void inflight_end(
    struct inflight *i, const struct err *failure, struct list *done);

/* Wakes those whose rest is over; the next time one's will be. */
uint64_t inflight_wake(struct fetcher *f, uint64_t now_ns);

#endif
