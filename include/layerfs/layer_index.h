/* clang-format off */
/* A layer's index as it travels: what another node needs to show a plain layer
 * (tar, tar.gz, tar.zst of several frames) at once and to fetch its files by
 * ranges of the blob.  It lies beside the image; nothing in it depends on the node
 * that made it, and the same layer gives the same bytes wherever it is made
 * (with the same zlib or isa-l, and the same zstd).
 *
 *	+------------------+ 0
 *	| header     96 B  |
 *	+------------------+ 96
 *	| tables           | one zstd frame of frame_len bytes, which decodes to
 *	|                  | tables_len bytes
 *	+------------------+
 *	| windows          | of the points, in their order: a zstd frame each
 *	+------------------+ end
 *
 * The tables, one after the other:
 *
 *	objects    16 B  files' contents, each once: chunk counts and sizes
 *	chunks     24 B  the objects' chunks, in their order; they cover them
 *	digests    32 B  SHA-256 of each chunk that is not all zeros, in their order
 *	points     32 B  by their place in the blob
 *	entries          the tree: folders before what is in them
 *
 * Little endian; reserved bytes are zero.
 *
 * An entry is a header, then `added` bytes of its path, which begins with the
 * `shared` first bytes of the path before; then, by its kind:
 *
 *	FILE             u32 number of its object, or LAYERFS_NO_OBJECT (empty)
 *	SYMLINK          u16 length, the target
 *	HARDLINK         u16 length, the path of an entry before
 *	CHAR, BLOCK      u32 major, u32 minor
 *	DIR, FIFO        nothing
 *	OPAQUE           nothing: hides what layers below have in the folder
 *
 * then n_xattrs times: u16 length of the name, the name with a NUL that the length
 * counts, u32 length of the value, the value.  HARDLINK and OPAQUE have neither
 * attributes nor xattrs.  A whiteout is a CHAR 0:0, as overlayfs has it.  Paths have no slash at either end; "" is
 * the root.  A folder that the layer says nothing of has no entry.
 *
 * An object is known by its chunks, which are checked when they are read; a
 * digest of the whole would be believed unchecked.
 */
/* clang-format on */
#ifndef LAYERFS_LAYER_INDEX_H
#define LAYERFS_LAYER_INDEX_H

#include <stddef.h>
#include <stdint.h>

#define LAYERFS_LAYER_INDEX_MAGIC "lfslidx1" /* without its NUL: 8 bytes */
#define LAYERFS_LAYER_INDEX_MEDIA_TYPE "application/vnd.layerfs.layer-index.v1"

#define LAYERFS_NO_OBJECT UINT32_MAX

enum { LAYERFS_LAYER_INDEX_VERSION = 1 };

enum layerfs_layer_index_kind {
	LAYERFS_ENTRY_FILE,
	LAYERFS_ENTRY_DIR,
	LAYERFS_ENTRY_SYMLINK,
	LAYERFS_ENTRY_HARDLINK,
	LAYERFS_ENTRY_CHAR,
	LAYERFS_ENTRY_BLOCK,
	LAYERFS_ENTRY_FIFO,
	LAYERFS_ENTRY_OPAQUE,
	LAYERFS_ENTRY_KINDS
};

/* How a chunk's bytes are made from its range of the blob. */
enum layerfs_layer_index_codec {
	LAYERFS_CHUNK_RAW,  /* the range is they */
	LAYERFS_CHUNK_ZSTD, /* whole zstd frames */
	LAYERFS_CHUNK_GZIP, /* from a gzip member's header on */
	LAYERFS_CHUNK_ZEROS,
	LAYERFS_CHUNK_SPAN, /* deflate from the point at blob_off on */
	LAYERFS_CHUNK_CODECS
};

struct layerfs_layer_index_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t reserved;
	uint8_t blob[32]; /* digest of the layer's blob */
	uint64_t blob_size;
	uint64_t frame_len;
	uint64_t tables_len;
	uint32_t n_objects;
	uint32_t n_chunks;
	uint32_t n_points;
	uint32_t n_entries;
	uint8_t reserved_end[8];
};

struct layerfs_layer_index_object {
	uint64_t size; /* > 0 */
	uint32_t n_chunks;
	uint32_t reserved;
};

/* Of a range that holds several chunks, inner_off is where this one begins in
 * what the range decodes to. */
struct layerfs_layer_index_chunk {
	uint64_t blob_off;
	uint32_t blob_len;
	uint32_t len; /* decoded, > 0 */
	uint32_t inner_off;
	uint8_t codec;
	uint8_t reserved[3];
};

/* A deflate stream goes on at the upper `bits` bits of the byte at blob_off (0:
 * at that byte), with a window of the window_len bytes before.  Those to which the
 * chunks up to the next point do not refer may be zeros. */
struct layerfs_layer_index_point {
	uint64_t blob_off;
	uint64_t stream_off; /* of the decompressed stream */
	uint32_t frame_len;  /* of the window; 0: none */
	uint16_t window_len; /* decoded, at most 32 KiB */
	uint8_t bits;
	uint8_t reserved[9];
};

struct layerfs_layer_index_entry {
	uint8_t kind;
	uint8_t reserved;
	uint16_t mode; /* permission bits */
	uint32_t uid, gid;
	uint32_t mtime_ns;
	int64_t mtime_s;
	uint16_t shared, added;
	uint32_t n_xattrs;
};

_Static_assert(sizeof(struct layerfs_layer_index_header) == 96, "on the wire");
_Static_assert(sizeof(struct layerfs_layer_index_object) == 16, "on the wire");
_Static_assert(sizeof(struct layerfs_layer_index_chunk) == 24, "on the wire");
_Static_assert(sizeof(struct layerfs_layer_index_point) == 32, "on the wire");
_Static_assert(sizeof(struct layerfs_layer_index_entry) == 32, "on the wire");

#endif
