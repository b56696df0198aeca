/* One entry of a table of contents, read from JSON.  Private to toc.c. */
#ifndef FORMAT_TOC_ENTRY_H
#define FORMAT_TOC_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/tar.h"
#include "base/bytes.h"
#include "base/digest.h"

struct err;
struct json_pull;

struct toc_entry {
	struct tar_entry tar; /* points into `text` and `xattrs` */
	bool has_type;
	bool is_chunk; /* "chunk": goes on with the file before it */
	bool is_zeros;
	bool has_digest, has_chunk_digest;
	struct digest digest, chunk_digest;
	uint64_t offset, end_offset, chunk_size, chunk_offset, inner_offset;

	/* private */
	struct buf text;
	size_t path_at, link_at; /* in text */
	struct tar_xattr *xattrs;
	size_t n_xattrs, cap_xattrs;
};

void toc_entry_init(struct toc_entry *x);
void toc_entry_release(struct toc_entry *x);

/* The object's members up to its end; JSON_BEGIN_OBJECT was read. */
int toc_entry_read(struct toc_entry *x, struct json_pull *r, struct err *e);

#endif
