/* An image in memory and where its parts are.  Embedded by its user: set base
 * and size, then image_check(); the accessors below it are for what was checked
 * (index/check.c itself uses them on what it has just bounded).
 */
#ifndef INDEX_IMAGE_H
#define INDEX_IMAGE_H

#include <string.h>
#include <sys/stat.h>

#include "index/erofs.h"
#include "index/index.h"
#include "base/bytes.h"

struct image {
	const uint8_t *base;
	uint64_t size;
	uint64_t *inodes; /* a bit for each nid: an inode starts there */
	struct index_totals totals;
};

/* Proves what index/index.h promises; linear in size.  EBADMSG. */
int image_check(struct image *m, struct err *e);
void image_release(struct image *m);

static inline uint64_t
image_nids(const struct image *m)
{
	return (m->size - EROFS_META) / EROFS_SLOT;
}

static inline const struct erofs_inode *
inode_at(const struct image *m, uint64_t nid)
{
	return (const void *)(m->base + EROFS_META + nid * EROFS_SLOT);
}

/* NULL for what is no inode. */
static inline const struct erofs_inode *
image_inode(const struct image *m, uint64_t nid)
{
	if (nid >= image_nids(m) || (m->inodes[nid / 64] >> nid % 64 & 1) == 0)
		return NULL;
	return inode_at(m, nid);
}

/* The next inode's nid from `nid` on, 0 at the end. */
uint64_t image_next(const struct image *m, uint64_t nid);

/* ---- an inode's parts ---- */

static inline bool
inode_is_chunked(const struct erofs_inode *i)
{
	return i->format == EROFS_CHUNKED;
}

static inline const uint8_t *
inode_xattrs(const struct erofs_inode *i, uint32_t *bytes)
{
	*bytes = erofs_xattr_bytes(i->xattr_count);
	return (const uint8_t *)(i + 1);
}

/* Bytes from the core's start to the tail's. */
static inline uint32_t
inode_head(const struct erofs_inode *i)
{
	uint32_t head = sizeof *i + erofs_xattr_bytes(i->xattr_count);

	if (inode_is_chunked(i))
		head = align_up(head, sizeof(struct erofs_chunk)) +
		       sizeof(struct erofs_chunk);
	return head;
}

static inline const struct erofs_chunk *
inode_chunk(const struct erofs_inode *i)
{
	return (const void *)((const uint8_t *)i + inode_head(i) -
			      sizeof(struct erofs_chunk));
}

/* Bytes that lie behind the head. */
static inline uint32_t
inode_tail(const struct erofs_inode *i)
{
	return i->format == EROFS_INLINE ? i->size % EROFS_BLOCK : 0;
}

/* Of a folder or link. */
static inline uint32_t
inode_blocks(const struct erofs_inode *i)
{
	return (i->size + EROFS_BLOCK - 1) / EROFS_BLOCK;
}

/* Block b of a folder's or link's bytes, the tail being the last one. */
static inline const uint8_t *
inode_block(const struct image *m, const struct erofs_inode *i, uint32_t b,
    uint32_t *len)
{
	*len = min_u64(i->size - (uint64_t)b * EROFS_BLOCK, EROFS_BLOCK);
	if (inode_tail(i) > 0 && b == inode_blocks(i) - 1)
		return (const uint8_t *)i + inode_head(i);
	return m->base + ((uint64_t)i->what + b) * EROFS_BLOCK;
}

/* ---- a folder's block ---- */

struct dir_block {
	const uint8_t *p;
	uint32_t len;
	uint32_t count;
};

static inline struct dir_block
dir_block(const struct image *m, const struct erofs_inode *i, uint32_t b)
{
	struct dir_block d;

	d.p = inode_block(m, i, b, &d.len);
	d.count = ((const struct erofs_dirent *)d.p)->nameoff /
		  sizeof(struct erofs_dirent);
	return d;
}

static inline const struct erofs_dirent *
dir_entry(const struct dir_block *d, uint32_t k)
{
	return (const struct erofs_dirent *)d->p + k;
}

static inline const char *
dir_name(const struct dir_block *d, uint32_t k, size_t *len)
{
	uint32_t from = dir_entry(d, k)->nameoff;
	const char *name = (const char *)d->p + from;

	if (k + 1 < d->count)
		*len = dir_entry(d, k + 1)->nameoff - from;
	else
		*len = strnlen(name, d->len - from);
	return name;
}

/* Byte order, a prefix first. */
static inline int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

#endif
