/* A layer that is zstd:chunked in podman's current dialect already: its table is
 * the one that the manifest names and can be read, and its tar-split is the one
 * that the table names.  Such a layer needs no conversion. */
#ifndef CONVERT_KEPT_LAYER_H
#define CONVERT_KEPT_LAYER_H

#include <stdbool.h>

struct descriptor;
struct err;
struct source;

/* Reads the tables.  *is_kept is false, and 0 returned, for every layer that has
 * to be converted, whatever is wrong with its tables; -1 where the source
 * fails. */
int kept_layer_check(struct source *s, const struct descriptor *layer,
    bool *is_kept, struct err *e);

#endif
