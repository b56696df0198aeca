/* Positions of `data` in the order in which they were read first: whole blocks,
 * each once.  One lock of the user's around every call; memory is bounded: what
 * a full trail is told is forgotten.
 */
#ifndef LAYER_TRAIL_H
#define LAYER_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hmap.h"

struct trail_range {
	uint64_t data_off, len; /* whole blocks; may span several objects */
};

struct trail {
	struct trail_range *ranges;
	size_t n, room;
	struct hmap seen; /* 64 blocks a node, a bit each */
};

void trail_release(struct trail *t);

/* A read of [data_off, data_off + len).  False: all of it is known already, or
 * there is no room for it. */
bool trail_note(struct trail *t, uint64_t data_off, uint64_t len);

#endif
