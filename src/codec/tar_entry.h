/* An entry of a header and of what extended headers said.  Private to the tar
 * parser. */
#ifndef CODEC_TAR_ENTRY_H
#define CODEC_TAR_ENTRY_H

#include <stdint.h>

struct buf;
struct err;
struct tar_entry;
struct tar_meta;

/* The header must stay; `name` gets what has no place of its own. size is what
 * the stream stores: a sparse file has more. */
int tar_entry_make(struct tar_entry *x, const uint8_t *header,
    const struct tar_meta *m, struct buf *name, struct err *e);

#endif
