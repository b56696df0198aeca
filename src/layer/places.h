/* Between a profile, which holds for every node, and this node's `data` and
 * maps.  Both ways read the layers' trees on disk: for threads that may block.
 */
#ifndef LAYER_PLACES_H
#define LAYER_PLACES_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct image;
struct profile;
struct trail;

/* A range of one object, as this node has it. */
struct place {
	unsigned layer; /* its number in the manifest */
	uint32_t first_chunk, last_chunk;
	uint64_t data_off, len;
};

struct places {
	struct place *at;
	size_t n;
};

/* What the profile says a start reads, in its order: what is not in a layer, or
 * in one that is not here, is left out.  Of another image's profile what was
 * read of a layer that both have is looked for there, and else in the layer of
 * the same number, where both have as many.  Release with places_release(). */
int places_of_profile(const struct image *i, const struct profile *p,
    struct places *out, struct err *e);
void places_release(struct places *p);

/* Tells the profile what its entries are in the blobs. */
int places_set_ranges(const struct image *i, struct profile *p, struct err *e);

/* What a run read, as a profile of one run. A position that several layers
 * share counts for the topmost. */
struct profile *places_to_profile(
    const struct image *i, const struct trail *t, struct err *e);

#endif
