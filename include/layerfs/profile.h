/* clang-format off */
/* A profile: which bytes of an image's files its start reads, in which order.
 *
 *	+----------------+ 0
 *	| header   128 B |
 *	+----------------+ 128
 *	| layers    32 B | the SHA-256 digests of the image's layers, bottom first
 *	+----------------+
 *	| files      8 B | sorted by layer, then by path as bytes; none twice
 *	+----------------+
 *	| entries   16 B | in the order in which they were read first
 *	+----------------+
 *	| ranges    16 B | of the blobs, in the order in which to ask for them
 *	+----------------+
 *	| names          | what each file's path adds to that of the one before
 *	+----------------+ end of the file
 *
 * Little endian; reserved bytes are zero.  The checksum is the first 8 bytes of
 * the SHA-256 of the whole file with the checksum itself zero.
 *
 * A file is named by the number of its layer in the manifest and its path in
 * that layer ("usr/bin/env"), an entry by blocks of 4,096 bytes of the file's
 * content.  Refused: positions in a node's store, which mean something else on
 * every node; ranges of the blob alone, which a gzip or zstd layer has not; the
 * file's number in the layer, which changes with whoever makes the index; the
 * content's digest, which no index finds without reading all of it, and which
 * not every table of contents has.  A path is understood by any reader of the
 * layer, whatever its format, and by people.  Paths that start like the one
 * before store only their end, so that a file takes some 25 bytes.
 *
 * Ranges say where most of this lies in those blobs that have a table of contents,
 * neighbours joined: a node that has the table not yet can ask for them while that
 * is on its way, and finds out later what they are.  There may be none.
 *
 * A profile is no promise: an entry whose file or range is not there is skipped.
 * It says what to fetch early, never what bytes are: nothing is believed of it.
 */
/* clang-format on */
#ifndef LAYERFS_PROFILE_H
#define LAYERFS_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#define LAYERFS_PROFILE_MAGIC "lfsprof1" /* without its NUL: 8 bytes */

enum {
	LAYERFS_PROFILE_VERSION = 1,
	LAYERFS_PROFILE_BLOCK = 4096,
};

struct layerfs_profile_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t n_layers;
	uint32_t n_files;
	uint32_t n_entries;
	uint32_t names_bytes;
	uint32_t runs;      /* recorded in it */
	uint8_t image[32];  /* digest of the image's manifest */
	int64_t recorded_s; /* when the last was, since 1970 */
	uint64_t checksum;
	uint32_t n_ranges;
	uint8_t reserved[44];
};

struct layerfs_profile_file {
	uint16_t layer;
	uint16_t shared; /* bytes that its path has in common with the last of
			    the same layer */
	uint16_t added;  /* bytes that follow, in names */
	uint16_t reserved;
};

struct layerfs_profile_entry {
	uint32_t file; /* its number in the table of files */
	uint32_t first_block;
	uint32_t n_blocks; /* 1 or more */
	uint16_t runs;     /* that read it, 1 or more */
	uint16_t missed;   /* runs since the last that did */
};

struct layerfs_profile_range {
	uint64_t blob_off;
	uint32_t len; /* 1 or more */
	uint16_t layer;
	uint16_t reserved;
};

_Static_assert(sizeof(struct layerfs_profile_header) == 128, "on disk");
_Static_assert(offsetof(struct layerfs_profile_header, image) == 32, "on disk");
_Static_assert(
    offsetof(struct layerfs_profile_header, checksum) == 72, "on disk");
_Static_assert(sizeof(struct layerfs_profile_file) == 8, "on disk");
_Static_assert(sizeof(struct layerfs_profile_entry) == 16, "on disk");
_Static_assert(sizeof(struct layerfs_profile_range) == 16, "on disk");

#endif
