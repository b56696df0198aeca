/* An OCI image layout folder: oci-layout, index.json, blobs/sha256/HEX.  Opened
 * without following any link, so a hostile folder reaches nothing outside it.
 * Blocks on disk.
 *
 * Specification: image-spec image-layout.md.
 */
#ifndef REGISTRY_LAYOUT_H
#define REGISTRY_LAYOUT_H

#include <stdint.h>

#include "base/bytes.h"

struct descriptor;
struct digest;
struct err;

/* A regular file of the folder's blobs; its descriptor.  ENOENT, and EPROTO
 * when it is anything else. */
int layout_open_blob(
    int dir, const struct digest *d, uint64_t *size, struct err *e);

/* The whole of a small blob, verified: EBADMSG. */
int layout_read_blob(
    int dir, const struct digest *d, struct buf *out, struct err *e);

/* The entry of index.json named `tag`; with tag NULL the only one.  ENOENT. */
int layout_find(
    int dir, const char *tag, struct descriptor *out, struct err *e);

#endif
