/* A store with maps that eviction is asked to make room in: for the tests of what
 * goes and of what is held. */
#ifndef STORE_TESTING_EVICT_H
#define STORE_TESTING_EVICT_H

#include <string.h>

#include "store/evict.h"
#include "store/shop.h"

/* The map's contents are all present: bytes that are never zero. */
static inline void
fetch_all(struct store *s, const struct map *m)
{
	struct err e;

	for (uint32_t i = 0; i < map_n_objects(m); i++) {
		struct object o;
		AUTO_FREE uint8_t *p = NULL;

		map_object(m, i, &o);
		p = malloc(o.size);
		memset(p, 1 + i % 200, o.size);
		OK(store_write(s, p, o.size, o.data_off, true, &e));
	}
}

static inline struct object
object_at(const struct map *m, uint32_t i)
{
	struct object o;

	map_object(m, i, &o);
	return o;
}

static inline bool
has_object(struct store *s, const struct map *m, uint32_t i)
{
	struct object o = object_at(m, i);

	return store_has(s, o.data_off, o.size);
}

static inline uint64_t
evict(struct store *s, const struct evictable *maps, size_t n, uint64_t need)
{
	struct eviction v = { .maps = maps, .n_maps = n, .need_bytes = need };
	struct err e;

	OK(store_evict(s, &v, &e));
	return v.freed_bytes;
}

/* A shop whose store knows of all maps. */
static inline void
open_loaded(struct shop *h, void **state)
{
	struct err e;

	shop_open(h, *(int *)*state);
	OK(store_maps_loaded(h->store, &e));
}

#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, make_root, remove_root)

#endif
