/* Keeps the store within its bounds: a quota, a share of the disk that stays
 * free, and for how long an image is kept that nobody uses.
 *
 * One thread ("cache") looks every few seconds and whenever a write goes over a
 * bound, and evicts (layer/evict.h) until the store is below the bound again by
 * some distance, so that it need not do so at every write:
 *
 *	quota        from 95 % of it down to 85 %
 *	free space   from the share that stays free to a tenth more
 *	a full disk  a little, at once, and the write is tried again
 *
 * Where nothing may go the bounds give way, not the readers: writes go on over
 * the quota, with a warning now and then.  Nothing is asked for twice a second.
 */
#ifndef LAYER_CACHE_H
#define LAYER_CACHE_H

#include <stdbool.h>
#include <stdint.h>

struct cache;
struct catalog;
struct err;

struct cache_options {
	uint64_t quota_bytes;      /* of `data` on disk; 0: none */
	unsigned min_free_percent; /* of its file system; 0: none */
	unsigned unused_days;      /* 0: images are kept for ever */
};

/* The catalog must outlive cache_stop().  Images go from here on: call it when
 * those who hold some have said so. */
struct cache *cache_new(
    struct catalog *c, const struct cache_options *o, struct err *e);
/* Ends the thread.  Who asks for room from then on gets none. */
void cache_stop(struct cache *x);
/* When nobody writes to the store any more; after catalog_free(). */
void cache_free(struct cache *x);

struct cache_state {
	uint64_t quota_bytes, high_bytes, low_bytes; /* 0: no quota */
	uint64_t used_bytes;
	uint64_t min_free_bytes, free_bytes;
	bool is_over; /* a bound is crossed, and nothing may go */
};
void cache_look(struct cache *x, struct cache_state *out);

#endif
