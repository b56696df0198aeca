/* An OCI image layout folder: oci-layout, index.json, blobs/sha256/HEX.  Opened
 * without following any link, so a hostile folder reaches nothing outside it.
 *
 * It may lie where nobody answers: a child process reads it (base/outpost.h), and each
 * function blocks for ten seconds at most, for each of its files.  ETIMEDOUT then.
 *
 * Specification: image-spec image-layout.md.
 */
#ifndef REGISTRY_LAYOUT_H
#define REGISTRY_LAYOUT_H

#include "base/bytes.h"

struct descriptor;
struct digest;
struct err;
struct outpost;
struct outpost_look;

/* Takes dir on success; -1: the folder of that name, as it is when it is read. */
struct outpost *layout_open(int dir, const char *folder, struct err *e);
/* The same of a descriptor that stays the caller's. */
struct outpost *layout_borrow(int dir, struct err *e);

/* outpost_read() of a blob, without k->name.  ENOENT, and EPROTO when it is no regular
 * file. */
int layout_read_piece(struct outpost *layout, const struct digest *d,
    struct outpost_look *k, struct err *e);

/* The whole of a small blob, verified: EBADMSG. */
int layout_read_blob(struct outpost *layout, const struct digest *d,
    struct buf *out, struct err *e);

/* The entry of index.json named `tag`; with tag NULL the only one.  ENOENT. */
int layout_find(struct outpost *layout, const char *tag, struct descriptor *out,
    struct err *e);

#endif
