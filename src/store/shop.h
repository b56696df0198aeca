/* A store and the maps that it knows, as a daemon would have them: for the unit
 * tests of store/. */
#ifndef STORE_SHOP_H
#define STORE_SHOP_H

#include "store/store.h"
#include "store/store_private.h"
#include "store/testing.h"
#include "base/limits.h"

struct shop {
	int root;
	struct store *store;
	struct map *maps[16];
	unsigned n_maps;
	uint64_t blob_off;
};

static inline void
shop_open(struct shop *h, int root)
{
	struct err e = ERR_INIT;

	*h = (struct shop){ .root = root };
	h->store = store_open_at_boot(root, "boot", &e);
	assert_non_null(h->store);
}

static inline void
shop_close(struct shop *h)
{
	store_close(h->store);
	for (unsigned i = 0; i < h->n_maps; i++)
		map_close(h->maps[i]);
}

/* Places the builder's objects and makes the map known. */
static inline struct map *
shop_add(struct shop *h, struct map_builder *b, const char *name)
{
	struct map *m;
	struct err e;

	OK(store_place(h->store, b, &e));
	m = write_and_open(b, h->root, name, GIB(1), &e);
	if (m == NULL)
		fail_msg("%s", e.msg);
	OK(store_add_map(h->store, m, &e));
	h->maps[h->n_maps++] = m;
	return m;
}

/* A layer of n one-chunk objects of two blocks with contents from first on. */
static inline struct map *
shop_add_layer(struct shop *h, const char *name, uint32_t first, uint32_t n)
{
	struct err e = ERR_INIT;
	AUTO_MAP_BUILDER struct map_builder *b = map_builder_new(&e);

	for (uint32_t i = 0; i < n; i++)
		OK(build_object(b, first + i, 2 * STORE_BLOCK, 2 * STORE_BLOCK,
		    &h->blob_off, &e));
	return shop_add(h, b, name);
}

#endif
