/* An eviction under way: what is spared, what was chosen and is dropped in batches.
 * Private to store/: evict.c says what goes, evict_ages.c of what is in use. */
#ifndef STORE_SWEEP_H
#define STORE_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "store/evict.h"
#include "store/range.h"

struct sweep {
	struct store *store;
	const struct eviction *v;
	struct ranges spared; /* normal: not in this phase */
	struct ranges batch;
	uint64_t batch_blocks; /* of it, present */
	uint64_t need, freed;  /* blocks */
};

void sweep_release(struct sweep *w);

/* What was dropped and what the batch holds is as much as is needed. */
bool sweep_is_enough(const struct sweep *w);
bool sweep_has_any(const struct sweep *w, const struct map *m);
/* What of the blocks is not spared: how many are present. */
uint64_t sweep_count_open(const struct sweep *w, struct range r);

/* Into the batch, but for what is spared. */
int sweep_take(struct sweep *w, struct range r, struct err *e);
int sweep_flush(struct sweep *w, struct err *e);

/* Chunks of LIVE maps, the longest not read first. */
int sweep_ages(struct sweep *w, struct err *e);

#endif
