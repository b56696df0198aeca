/* The image as it lies on disk: the part of EROFS (kernel 5.16 and later) that
 * an index uses.  Little endian; a block is 4096 bytes.
 *
 *	block 0   1024  superblock           128 bytes
 *	          1152  the device `data`    128 bytes
 *	block 1         inodes: nid N is at byte 4096 + 32 * N
 *	                the root is nid 1, nid 0 is left empty
 *	then            whole blocks of folders and of long symbolic links
 *
 * An inode, at the next multiple of 32:
 *
 *	core 64 | xattrs | regular file:  pad to 8, place in `data` 8 bytes
 *	                 | folder, link:  the inline tail
 *
 * core and xattrs may cross blocks; a tail must not.  So head and tail stay
 * together in one block (moved to the next where they would cross), and what
 * does not fit in one block that way has no tail but a block more.  The root
 * cannot move, its tail has 4096 - 32 bytes.
 *
 * A folder's block: count * {nid, nameoff, type}, then the names without NULs;
 * nameoff[0] = 12 * count; slack is zero.  Names ascend as unsigned bytes over
 * the whole folder, "." and ".." among them like any other.
 *
 * A regular file of size > 0 is one chunk of 4096 << bits >= size bytes on
 * device 1, at a block number of `data`.
 *
 * What is ours: label "layerfs-index-1" (the 1 is the version), and a core's
 * `ino`, which no kernel looks at: 0 for an implied folder (index/tree.h), a
 * running number from 1 for every other.
 */
#ifndef INDEX_EROFS_H
#define INDEX_EROFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
    "an index is mapped and read as it is: big endian needs swaps");

enum {
	EROFS_BLOCK = 4096,
	EROFS_BLOCK_BITS = 12,
	EROFS_SLOT = 32, /* what nids count */
	EROFS_ROOT = 1,
	EROFS_META_BLOCK = 1,
	EROFS_META = EROFS_META_BLOCK * EROFS_BLOCK,
	EROFS_SUPER_OFF = 1024,

	EROFS_COMPAT_CHECKSUM = 1,
	EROFS_COMPAT_MTIME = 2,
	EROFS_COMPAT = EROFS_COMPAT_CHECKSUM | EROFS_COMPAT_MTIME,
	EROFS_INCOMPAT_CHUNKED = 4,
	EROFS_INCOMPAT_DEVICES = 8,
	EROFS_INCOMPAT = EROFS_INCOMPAT_CHUNKED | EROFS_INCOMPAT_DEVICES,

	/* format: bit 0 extended inode, bits 1-3 layout */
	EROFS_PLAIN = 1 | 0 << 1,
	EROFS_INLINE = 1 | 2 << 1,
	EROFS_CHUNKED = 1 | 4 << 1,

	/* what, for a chunked file */
	EROFS_CHUNK_BITS = 0x1f,
	EROFS_CHUNK_INDEXES = 0x20,

	EROFS_DATA_DEVICE = 1,
};

#define EROFS_MAGIC 0xE0F5E1E2u
#define EROFS_LABEL "layerfs-index-1"

struct erofs_super {
	uint32_t magic;
	uint32_t checksum;
	uint32_t compat;
	uint8_t block_bits;
	uint8_t ext_slots;
	uint16_t root_nid;
	uint64_t inodes;
	uint64_t epoch; /* compact inodes' time: none */
	uint32_t epoch_ns;
	uint32_t blocks; /* of the index alone */
	uint32_t meta_block;
	uint32_t xattr_block;
	uint8_t uuid[16];
	char label[16];
	uint32_t incompat;
	uint16_t compression;
	uint16_t devices;
	uint16_t device_slot; /* byte offset / 128 */
	uint8_t dir_block_bits;
	uint8_t zero[37];
} __attribute__((packed));
_Static_assert(sizeof(struct erofs_super) == 128, "superblock");

struct erofs_device {
	uint8_t tag[64];
	uint32_t blocks;  /* bookkeeping, for statfs */
	uint32_t uniaddr; /* 0, or the kernel takes folders for data */
	uint8_t zero[56];
} __attribute__((packed));
_Static_assert(sizeof(struct erofs_device) == 128, "device slot");

struct erofs_inode {
	uint16_t format;
	uint16_t xattr_count; /* 0, or (xattr bytes - 12) / 4 + 1 */
	uint16_t mode;
	uint16_t nb;
	uint64_t size;
	uint32_t what; /* first whole block | device | chunk bits */
	uint32_t ino;
	uint32_t uid;
	uint32_t gid;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t nlink;
	uint8_t zero[16];
} __attribute__((packed));
_Static_assert(sizeof(struct erofs_inode) == 64, "inode");

struct erofs_chunk {
	uint16_t block_hi; /* 0: more needs the 48BIT feature */
	uint16_t device;
	uint32_t block;
} __attribute__((packed));
_Static_assert(sizeof(struct erofs_chunk) == 8, "chunk");

struct erofs_dirent {
	uint64_t nid;
	uint16_t nameoff;
	uint8_t type;
	uint8_t zero;
} __attribute__((packed));
_Static_assert(sizeof(struct erofs_dirent) == 12, "dirent");

/* Before an inode's attributes. */
struct erofs_xattr_header {
	uint32_t filter;
	uint8_t shared;
	uint8_t zero[7];
} __attribute__((packed));
_Static_assert(sizeof(struct erofs_xattr_header) == 12, "xattr header");

/* Then the name without its prefix and the value; padded to 4. */
struct erofs_xattr {
	uint8_t name_len;
	uint8_t prefix;
	uint16_t value_len;
} __attribute__((packed));
_Static_assert(sizeof(struct erofs_xattr) == 4, "xattr");

/* Of block 0 with its superblock's checksum taken as 0: crc32c without the
 * final inversion, over bytes 1024 to 4095. */
uint32_t erofs_checksum(const uint8_t *block0);

/* The number of the prefix that name begins with; 0: EROFS cannot store it.
 * *prefix_len is what to leave away. */
uint8_t erofs_xattr_prefix(const char *name, size_t *prefix_len);

/* The prefix's text, or NULL when the number is none of ours.  *is_whole: the
 * prefix is the whole name, what follows must be empty; else it must not be. */
const char *erofs_xattr_prefix_text(uint8_t prefix, bool *is_whole);

/* A dirent's type from a mode's; 0 for no type. */
uint8_t erofs_type_of_mode(mode_t mode);
mode_t erofs_mode_of_type(uint8_t type);

/* Device numbers as the kernel's new_encode_dev() writes them. */
bool erofs_device_fits(dev_t rdev);
uint32_t erofs_encode_device(dev_t rdev);
dev_t erofs_decode_device(uint32_t what);

/* The place of a file of `size` bytes at data_off: false when that is no place
 * in `data` (not a multiple of 4096, or past LIMIT_DATA_BYTES). */
bool erofs_encode_place(
    struct erofs_chunk *c, uint64_t data_off, uint64_t size);

/* The least bits with 4096 << bits >= size. */
unsigned erofs_chunk_bits(uint64_t size);

static inline uint32_t
erofs_xattr_bytes(uint16_t xattr_count)
{
	if (xattr_count == 0)
		return 0;
	return sizeof(struct erofs_xattr_header) + 4u * (xattr_count - 1);
}

#endif
