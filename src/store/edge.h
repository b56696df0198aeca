/* Blocks that are only partly there: a chunk rarely ends where a block does.
 * In memory, bounded; what is forgotten is fetched again.  Private to store/;
 * its user's lock guards it.
 */
#ifndef STORE_EDGE_H
#define STORE_EDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/range.h"
#include "base/hmap.h"
#include "base/list.h"

enum {
	EDGES_MAX = 65536,          /* blocks: about 6 MiB */
	EDGE_SPANS_MAX = 256 << 10, /* pieces of them, all together: 1 MiB */
};

struct edges {
	struct hmap by_block;
	struct list by_age; /* oldest first */
	size_t n_spans;
	size_t max, max_spans; /* the two limits above; tests take less */
};

void edges_init(struct edges *t);
void edges_release(struct edges *t);

/* Bytes [from, to) of the block are written.  True when that makes the block
 * whole: it is forgotten then, and the caller sets its bit.  Where memory is
 * short the piece is forgotten. */
bool edges_add(struct edges *t, uint64_t block, unsigned from, unsigned to);

/* Bytes [from, to) of the block are remembered. */
bool edges_has(
    const struct edges *t, uint64_t block, unsigned from, unsigned to);

/* Forgets the blocks of the range. */
void edges_drop(struct edges *t, struct range r);

#endif
