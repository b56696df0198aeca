/* A layer's index as it travels (layerfs/layer_index.h has the bytes): read as
 * any table of contents that a stranger wrote, written from a layer's files. */
#ifndef FORMAT_LAYER_INDEX_H
#define FORMAT_LAYER_INDEX_H

struct buf;
struct err;
struct format;
struct index;
struct map;
struct points;

/* Its table lies in a blob of its own: parse() alone (format.h). */
extern const struct format format_layer_index;

/* Appends the index of the layer whose tree, map and restart points (NULL: none)
 * these are.  The same layer gives the same bytes, wherever the store has its
 * contents.  ENOTSUP where some of it can be had by reading the blob from its
 * start only (CHUNK_STREAM), or only with a foreign table's digests. */
int layer_index_write(const struct index *x, const struct map *m,
    const struct points *p, struct buf *out, struct err *e);

#endif
