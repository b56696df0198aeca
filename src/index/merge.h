/* The tree of a whole image: its layers' indexes applied in order, whiteouts
 * and opaque folders resolved, none of them left.  What overlayfs would show of
 * the same layers, as one tree:
 *
 * - an implied folder keeps the attributes of the one below it; what else has its
 *   name below, a symbolic link to a folder too, gives way to it;
 * - link counts are those of the layer that the file comes from, as overlayfs
 *   shows them, even where a name was hidden or replaced further up;
 * - contents keep their positions in `data`.
 */
#ifndef INDEX_MERGE_H
#define INDEX_MERGE_H

#include <stddef.h>

struct err;
struct index;
struct tree;

/* layers[0] is the bottom.  A finished tree, `content` being the position in
 * `data`: index_write() with data_off NULL. */
struct tree *index_merge(struct index *const *layers, size_t n, struct err *e);

#endif
