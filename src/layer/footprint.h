/* What every image that is known here takes, counted by contents: what `rm` of
 * one would free is what no other image has, be it in layers of its own.
 *
 *	footprint_measure -> footprint_find... -> footprint_release
 *
 * The images are open meanwhile.  One thread.
 */
#ifndef LAYER_FOOTPRINT_H
#define LAYER_FOOTPRINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/digest.h"

struct catalog;
struct err;
struct image;

struct image_footprint {
	struct digest manifest;
	struct image *image;   /* NULL: it cannot be opened, and counts 0 */
	uint64_t own_bytes;    /* present here, in no other image */
	uint64_t shared_bytes; /* present here, in others too */
};

struct footprint {
	struct image_footprint *at;
	size_t n;
	uint64_t
	    together_bytes; /* own to all of footprint_measure()'s `group` */
};

#define AUTO_FOOTPRINT CLEANUP(footprint_release)

/* group, n_group: images that are counted as one for together_bytes, what would
 * be free without all of them; or NULL, 0. */
int footprint_measure(struct catalog *c, const struct digest *group,
    size_t n_group, struct footprint *out, struct err *e);
void footprint_release(struct footprint *u);

/* NULL: it came later. */
const struct image_footprint *footprint_find(
    const struct footprint *u, const struct digest *manifest);

#endif
