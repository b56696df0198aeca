/* From an entry of a tar, or of a table of contents, which says the same in
 * JSON, to a node of the tree: what a runtime would have unpacked.
 *
 * As containerd and podman have it, the root's entry says nothing, a hard link's own
 * says it of the file, times before 1970 and after 2262 are 1970's, and a symbolic
 * link's mode is 0777.
 *
 * Names that begin with ".wh." are no files (OCI image-spec layer.md):
 * ".wh..wh..opq" makes its folder opaque, ".wh.NAME" hides NAME, other
 * ".wh..wh." names are AUFS's own and ignored.
 */
#ifndef FORMAT_ENTRY_H
#define FORMAT_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/tar.h"

struct err;
struct tree;

/* "reg", "dir", "symlink": the words that tables of contents have for types. */
int entry_type_of_name(enum tar_type *out, const char *name, struct err *e);

/* A file whose bytes somebody will want: not empty, no whiteout. */
bool entry_has_contents(const struct tar_entry *x);

/* `content`: node_attr.content.  Attributes that the tree cannot hold are left
 * out and counted.  The caller wraps errors with entry_wrap(). */
int entry_add(struct tree *t, const struct tar_entry *x, uint64_t content,
    uint64_t *dropped, struct err *e);

/* Wraps *e with the entry's name, what is not printable escaped. */
int entry_wrap(struct err *e, const char *path, size_t len);

#endif
