/* What every image that is known here takes, counted by contents: what `rm` of
 * one would free is what no other image has, be it in layers of its own.
 *
 *	usage_measure -> usage_find... -> usage_release
 *
 * The images are open meanwhile.  One thread.
 */
#ifndef LAYER_USAGE_H
#define LAYER_USAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/digest.h"

struct catalog;
struct err;
struct image;

struct image_usage {
	struct digest manifest;
	struct image *image;   /* NULL: it cannot be opened, and counts 0 */
	uint64_t own_bytes;    /* present here, in no other image */
	uint64_t shared_bytes; /* present here, in others too */
};

struct usage {
	struct image_usage *at;
	size_t n;
	uint64_t together_bytes; /* own to all of usage_measure()'s `group` */
};

#define AUTO_USAGE CLEANUP(usage_release)

/* group, n_group: images that are counted as one for together_bytes, what would
 * be free without all of them; or NULL, 0. */
int usage_measure(struct catalog *c, const struct digest *group, size_t n_group,
    struct usage *out, struct err *e);
void usage_release(struct usage *u);

/* NULL: it came later. */
const struct image_usage *usage_find(
    const struct usage *u, const struct digest *manifest);

#endif
