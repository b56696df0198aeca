/* Manifests and configs on disk: when they come, and when they go.  Images of
 * the same config share it: one goes when neither an image of state.db nor one
 * that is open names it any more.
 */
#ifndef LAYER_DOCUMENTS_H
#define LAYER_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"

struct catalog;
struct err;

/* On disk for good when it returns, also one that another thread is just
 * saving.  Blocks on disk; any thread. */
int documents_save(struct catalog *c, const struct digest *d, const void *p,
    size_t n, struct err *e);

/* ---- during a removal ---- */

/* What goes with an image. */
struct documents {
	struct digest manifest, config;
	bool has_config; /* it is known, and nobody else's */
};

/* Before the image's rows are removed. */
int documents_find(struct catalog *c, const struct digest *manifest,
    struct documents *out, struct err *e);
/* After that. */
int documents_remove(
    struct catalog *c, const struct documents *d, struct err *e);

/* Removes what no image names: saved before a power cut, and noted never. */
int documents_sweep(struct catalog *c, struct err *e);

#endif
