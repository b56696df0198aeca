/* SOCI's table of contents of one layer, a "zTOC": what a tar holds, and where
 * its compressed stream can be entered.  It lies in a blob of its own.  A
 * FlatBuffer of six tables; the numbers are their slots:
 *
 *	Ztoc             0 version "0.9", 1 tool, 2 size of the blob i64, 3 size
 *	                 of the tar i64, 4 TOC, 5 CompressionInfo
 *	TOC              0 FileMetadata[]
 *	FileMetadata     0 name, 1 type, 2 offset in the tar i64, 3 size i64,
 *	                 4 target, 5 mode i64, 6 uid u32, 7 gid u32, 8 user,
 *	                 9 group, 10 time (RFC 3339), 11 major i64, 12 minor i64,
 *	                 13 Xattr[]
 *	Xattr            0 key, 1 value: a PAX record
 *	CompressionInfo  0 algorithm u8 (1: gzip, 2: none; absent: gzip),
 *	                 1 number of the last span i32, 2 digests of the spans,
 *	                 3 checkpoints (ztoc_spans.h)
 *
 * It comes from outside.  Beyond its shape is checked: it is of a blob of this
 * size; its spans follow one another through blob and tar, up to their ends;
 * an entry's contents begin behind its header, which begins where the entry
 * before it ended, and lie in the tar.  Names, whiteouts and links are as in a
 * tar (format/entry.h).
 *
 * What it says of names, owners and modes nobody can compare with the tar's
 * headers until those bytes come.  SOCI does so, entry by entry, when a file is
 * first read, and a whole layer is never checked.  Here a table is believed as
 * far as what names it is trusted, and the layer is checked when all of it is
 * here.
 *
 * Files have no digests: a span's compressed bytes have.  So nothing identifies
 * an object, and none is shared with other layers.
 *
 * The specification is the source: soci-snapshotter ztoc/fbs/ztoc.fbs,
 * ztoc/ztoc_marshaler.go, ztoc/compression.
 */
#ifndef FORMAT_ZTOC_H
#define FORMAT_ZTOC_H

#include <stddef.h>
#include <stdint.h>

struct contents;
struct err;

struct ztoc {
	const void *bytes;
	size_t len;
	uint64_t blob_size; /* of the layer */
};

/* EBADMSG for what is wrong with it, naming the entry; ENOTSUP for what is
 * right but cannot be read lazily here. */
int ztoc_parse(const struct ztoc *z, struct contents *out, struct err *e);

#endif
