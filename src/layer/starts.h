/* What starts of the images in use read first, by their profiles
 * (layer/profile.h): what an eviction takes last.
 *
 * Looking that up opens images and reads trees on disk, so it happens on the
 * thread that removes images (who evicts may not wait for a removal), now and
 * then, and an eviction is given what was known last; nothing at first.
 *
 *	starts_init -> starts_refresh..., list.list... -> starts_release
 *
 * Any thread.  starts_release() after catalog_free().
 */
#ifndef LAYER_STARTS_H
#define LAYER_STARTS_H

#include <stdbool.h>

#include "layer/evict.h"
#include "base/lock.h"
#include "base/pool.h"

struct catalog;

struct spans {
	struct evict_span *at;
	size_t n, cap;
};

struct starts {
	struct start_list list; /* what catalog_evict() is given */
	struct catalog *catalog;
	struct task task;

	struct lock lock; /* RANK_LEAF, guards what follows */
	struct spans spans;
	bool is_refreshing;
};

void starts_init(struct starts *s, struct catalog *c);
void starts_release(struct starts *s);

/* Looks again, soon; returns at once. */
void starts_refresh(struct starts *s);

#endif
