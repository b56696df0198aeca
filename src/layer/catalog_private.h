/* What a catalog holds.  Private to layer/catalog.c, and layer/look.c that goes
 * through its layers. */
#ifndef LAYER_CATALOG_PRIVATE_H
#define LAYER_CATALOG_PRIVATE_H

#include "layer/catalog.h"
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

	struct pool *collector; /* one thread: removals nobody waits for */

	struct lock lock; /* guards what follows */
	struct cond changed;
	struct hmap records;
	struct list open; /* images */
	/* Making a layer points it at objects of others, removing one frees
	 * objects: never both at once. */
	unsigned makings;
	bool is_removing;
	bool may_collect; /* the start is over */
	bool is_put_off;  /* an open image may be unwanted */
	struct task collecting;
	bool is_collecting; /* it is queued or runs */
	bool is_to_collect; /* and is to run once more */
};

#endif
