/* Removing images that nobody uses, with what was left behind by work that did
 * not end: layers that no image names, merged indexes of images that are gone.
 */
#ifndef LAYER_PRUNE_H
#define LAYER_PRUNE_H

#include <stdbool.h>
#include <stdint.h>

struct catalog;
struct err;
struct known_image;

struct prune_request {
	int64_t
	    unused_s; /* not used for so long, at least; 0: however lately */
	bool is_dry;  /* only says what would go */
	/* Each image that goes; called before it does.  May be NULL. */
	void (*on_image)(void *ctx, const struct known_image *k);
	void *ctx;
};

/* Those without a holder: neither mounted nor used by a runtime nor pinned.
 * Their names go, too.  *freed_bytes: of data, or what would be.  Blocking. */
int catalog_prune(struct catalog *c, const struct prune_request *q,
    uint64_t *freed_bytes, struct err *e);

#endif
