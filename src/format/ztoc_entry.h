/* One entry of a zTOC.  Private to ztoc.c. */
#ifndef FORMAT_ZTOC_ENTRY_H
#define FORMAT_ZTOC_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#include "codec/tar.h"

struct err;
struct flat_table;
struct flatbuffer;

struct ztoc_entry {
	struct tar_entry tar; /* points into the buffer and `xattrs` */
	uint64_t tar_off;     /* where contents begin, also if there are none */

	/* private */
	struct tar_xattr *xattrs;
	size_t cap_xattrs;
};

void ztoc_entry_release(struct ztoc_entry *x);

/* Replaces what *x says, from a table FileMetadata; on failure the path is
 * right if it was readable.  ENOTSUP for what the table cannot say (a sparse
 * file's map, a time before year 0). */
int ztoc_entry_read(struct ztoc_entry *x, struct flatbuffer *f,
    const struct flat_table *t, struct err *e);

#endif
