/* What a catalog holds.  Private to layer/catalog.c, to collector.c, to look.c and
 * settle.c that go through its layers, to lied.c, merged.c, and to documents.c. */
#ifndef LAYER_CATALOG_PRIVATE_H
#define LAYER_CATALOG_PRIVATE_H

#include "layer/catalog.h"
#include "layer/notes.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/pool.h"

/* A layer that is here or being made.
 *
 *	absent -> making -> ready -> absent
 *	              \-> failed -> absent   (when the last waiter has seen it)
 */
struct record {
	struct hnode node; /* by digest */
	struct digest digest;
	enum { RECORD_MAKING, RECORD_READY, RECORD_FAILED } state;
	struct layer *layer; /* RECORD_READY */
	struct err failure;  /* RECORD_FAILED */
	unsigned users;      /* open images, makers and waiters */
};

struct catalog {
	struct catalog_parts parts;
	struct recordings *recordings;

	struct notes notes;

	struct pool *collector; /* one thread: removals nobody waits for */
	_Atomic unsigned saves; /* documents on their way to the disk */

	struct lock lock; /* guards what follows */
	struct cond changed;
	struct hmap records;
	struct list open;    /* images */
	struct list merging; /* images whose merged index is being made */
	/* Making a layer points it at objects of others, removing one frees
	 * objects: never both at once. */
	unsigned makings;
	bool is_removing;
	unsigned n_removers; /* that wait */
	/* Until then no making begins, for their sake; 0 (collector.c). */
	uint64_t gap_until_ns;
	bool may_collect; /* the start is over */
	bool is_put_off;  /* an open image may be unwanted */
	bool is_left;     /* a layer in use may be */
	struct task collecting;
	bool is_collecting; /* it is queued or runs */
	bool is_to_collect; /* and is to run once more */
};

/* With the lock held; NULL. */
struct record *record_find(struct catalog *c, const struct digest *d);

/* With the lock held; nobody uses it. */
void record_drop(struct catalog *c, struct record *r);

/* With the lock held: what nobody wants goes soon, once it may. */
void collector_start(struct catalog *c);

/* As catalog_find_layer(), but one whose table lied is removed, to be made again,
 * as soon as nobody uses it: EBUSY, after a while.  NULL without an error: there is
 * none. */
struct layer *record_find_honest(
    struct catalog *c, const struct digest *d, struct err *e);

#endif
