/* An image's merged index, ROOT/images/HEX/index: made when somebody first wants
 * it, and again where it is of another boot, damaged, or of layers that were
 * made again since.
 *
 * Of one image it is made by one thread at a time; who comes meanwhile waits
 * and finds it made.  Any thread; blocks on disk.
 */
#ifndef LAYER_MERGED_H
#define LAYER_MERGED_H

struct err;
struct image;
struct index;

/* All layers are here. */
struct index *merged_open(const struct image *i, struct err *e);

/* The next who wants it makes it again; who has it open keeps it. */
int merged_remove(const struct image *i, struct err *e);

#endif
