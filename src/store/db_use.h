/* Layers that a runtime counts as in use, in state.db: what the layer store
 * (runtime/layer_store.h) goes by after a restart.  A layer is known by the
 * reference and digest that the runtime has for it.
 */
#ifndef STORE_DB_USE_H
#define STORE_DB_USE_H

#include <stdint.h>

#include "base/digest.h"

struct db;
struct err;

struct db_use {
	const char *reference; /* borrowed */
	struct digest digest;
	struct digest manifest; /* the image that has the layer */
	int64_t layer;          /* its position, the lowest is 0 */
	int64_t uses;           /* at least 1 */
};

/* One use more than there were; u->uses is ignored.  The image and position of
 * the first use stay. */
int db_add_use(
    struct db *d, const struct db_use *u, int64_t *uses, struct err *e);

/* One less; none left: the row goes.  ENOENT when it was not counted. */
int db_drop_use(struct db *d, const char *reference,
    const struct digest *digest, int64_t *uses, struct err *e);

/* fn as everywhere in store/db.h. */
int db_each_use(struct db *d, int (*fn)(void *ctx, const struct db_use *u),
    void *ctx, struct err *e);

#endif
