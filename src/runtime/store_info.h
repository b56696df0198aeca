/* What podman wants to know of a layer: the file `info`, a layer as
 * containers/storage has it in layers.json.
 *
 * Podman before 5.1 asks for a layer by its blob's digest, later ones by the
 * digest of its table of contents, which annotations of the manifest name; each
 * wants other members.  Pure, but for what an open image knows.
 */
#ifndef RUNTIME_STORE_INFO_H
#define RUNTIME_STORE_INFO_H

#include <stdbool.h>

#include "base/digest.h"

struct err;
struct image;

/* The image's layer that this is the digest of.  *is_toc: of its table of
 * contents.  ENOENT. */
int store_info_find(const struct image *i, const struct digest *d, int *layer,
    bool *is_toc, struct err *e);

/* JSON, which the caller frees.  The layer is open.  ENOENT where the image has
 * no config: podman names layers by their DiffIDs. */
char *store_info_write(
    const struct image *i, int layer, bool is_toc, struct err *e);

#endif
