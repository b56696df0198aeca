/* PAX extended headers: records "LEN KEY=VALUE\n".  Private to the tar parser.
 *
 * Parsed in place: names and values point into the text, whose '=' and '\n'
 * give way to NULs.  An empty value says nothing (the ustar header's stands);
 * the last of equal keys wins; a second header before the same entry replaces
 * the first.
 */
#ifndef CODEC_TAR_PAX_H
#define CODEC_TAR_PAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/tar.h"
#include "base/bytes.h"

struct err;

enum pax_sparse {
	PAX_NOT_SPARSE,
	PAX_SPARSE_0, /* 0.0 and 0.1: the map is in the records */
	PAX_SPARSE_1, /* 1.0: the map is in the contents */
};

struct tar_pax {
	bool is_set, has_size, has_uid, has_gid, has_mtime, has_sparse_size;
	const char *path, *link;
	size_t path_len, link_len;
	uint64_t size;
	uint32_t uid, gid;
	int64_t mtime_s;
	uint32_t mtime_ns;
	struct tar_time atime, ctime;
	struct tar_xattr *xattrs;
	size_t n_xattrs, cap_xattrs;

	enum pax_sparse sparse;
	const char *sparse_name;
	size_t sparse_name_len;
	uint64_t sparse_size;
	struct buf sparse_map; /* u64 pairs: offset, length */
};

void tar_pax_init(struct tar_pax *p);
void tar_pax_release(struct tar_pax *p);
/* Says nothing any more; keeps its memory. */
void tar_pax_clear(struct tar_pax *p);

/* Replaces what *p says. */
int tar_pax_parse(struct tar_pax *p, struct buf *text, struct err *e);

#endif
