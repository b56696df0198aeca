/* A layer's restart points as a file beside its map: ROOT/layers/HEX/points.
 *
 * Every CHUNK_SPAN of the map has its point, and a digest: its own, or its
 * point's.  A layer without spans has no such file.
 */
#ifndef LAYER_RESTARTS_H
#define LAYER_RESTARTS_H

#include "layer/files.h"

struct contents;
struct map;
struct points;

/* What a table of contents claims of a blob of this size: also that no range lies
 * behind its end.  EBADMSG. */
int restarts_check(const struct contents *c, uint64_t blob_size, struct err *e);

/* Into the draft; nothing where there are no points. */
int restarts_write(const struct draft *w, const struct contents *c,
    const struct digest *blob, struct err *e);

/* From the layer's folder; *out is NULL where the map has no spans.  EBADMSG
 * where the file is damaged or missing. */
int restarts_open(
    int dir, const struct map *m, struct points **out, struct err *e);

#endif
