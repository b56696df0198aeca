/* Eviction: present data gives its disk blocks back, the least missed first.
 * Whoever reads it later fetches it again.
 *
 * An object that several maps name goes with the last of them.  In order:
 *
 *	IDLE    nobody uses the map's image: map by map in the order given
 *	LIVE    somebody does: chunk by chunk, the longest not read first
 *	START   what a start reads first (spans over other classes): as LIVE
 *	WHOLE   in use, and to be had again only by reading its whole blob: map
 *	        by map, and only one that was not read lately, or when the disk
 *	        is full
 *	NEVER   stays
 *
 * What is leased (store/lease.h) stays.  One eviction at a time; the maps must
 * be known to the store and stay so meanwhile.  Blocks on disk.
 */
#ifndef STORE_EVICT_H
#define STORE_EVICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct map;
struct store;

enum evict_class { EVICT_IDLE, EVICT_LIVE, EVICT_WHOLE, EVICT_NEVER };

struct evictable {
	const struct map *map;
	enum evict_class class;
};

/* Bytes of `data`. */
struct evict_span {
	uint64_t data_off, len;
};

struct eviction {
	const struct evictable *maps;
	size_t n_maps;
	const struct evict_span *start;
	size_t n_start;
	uint64_t need_bytes;
	bool is_full; /* the disk is: WHOLE maps go, too */

	uint64_t freed_bytes; /* the result; may be more or less than needed */
};

int store_evict(struct store *s, struct eviction *v, struct err *e);

/* Time passes, for what is "not read lately": about once a minute. */
void store_age(struct store *s);

/* Does the map have chunks that only the whole blob gives? */
bool store_map_is_whole(const struct map *m);

#endif
