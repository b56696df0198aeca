/* A layer's or image's tree on local disk, mapped and immutable: what the FUSE
 * server answers from.  Any number of threads.
 *
 * index_open() checks every bound once: superblock, inodes, names, xattrs,
 * links, that every folder is reached once and that nothing points outside.
 * After that the accessors trust the image, but not the nid: one that is not an
 * inode of the image is ESTALE (accessors that return a bool: false).
 *
 * A nid is st_ino and FUSE's node id; the root is INDEX_ROOT.  Positions in
 * `data` are bytes.
 */
#ifndef INDEX_INDEX_H
#define INDEX_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/cleanup.h"

struct err;
struct index;

#define INDEX_ROOT 1
#define AUTO_INDEX CLEANUP(index_cleanup)

/* Takes fd on success (it stays open: the kernel consumer mounts it).  EBADMSG
 * when the image is not one of ours or is damaged. */
struct index *index_open(int fd, struct err *e);
void index_close(struct index *x);
int index_fd(const struct index *x);

static inline void
index_cleanup(struct index **x)
{
	index_close(*x);
}

struct index_totals {
	uint64_t inodes;
	uint64_t bytes; /* sum of regular files' sizes, each inode once */
	uint64_t index_bytes;
	bool has_xattrs; /* some inode has */
};
void index_totals(const struct index *x, struct index_totals *out);

/* The 16 bytes that its writer gave it (struct index_options). */
const uint8_t *index_uuid(const struct index *x);

/* The inode behind this one, 0: the first; 0 at the end. */
uint64_t index_next(const struct index *x, uint64_t nid);

/* Fills everything of *st but st_dev. */
bool index_stat(const struct index *x, uint64_t nid, struct stat *st);

/* True for a folder that the layer has no entry for (index/tree.h). */
bool index_is_implied(const struct index *x, uint64_t nid);

/* The child's nid, or 0 when there is none or dir is no folder. */
uint64_t index_lookup(
    const struct index *x, uint64_t dir, const char *name, size_t len);

/* One entry at a time, "." and ".." included, in byte order.  *cookie is 0 at
 * the start and opaque then; it stays valid for ever, across restarts.  False
 * at the end.  The name is not ended by a NUL. */
struct index_entry {
	const char *name;
	size_t name_len;
	uint64_t nid;
	mode_t type; /* S_IFMT part */
};
bool index_read_dir(const struct index *x, uint64_t dir, uint64_t *cookie,
    struct index_entry *out);

/* A symbolic link's target, not ended by a NUL. */
bool index_read_link(
    const struct index *x, uint64_t nid, const char **target, size_t *len);

/* Where a regular file lies.  size 0: data_off is 0. */
bool index_file(
    const struct index *x, uint64_t nid, uint64_t *data_off, uint64_t *size);

/* Calls fn for each attribute, its name with prefix and NUL; stops at the first
 * non-zero return and returns it.  -1 for a bad nid. */
int index_each_xattr(const struct index *x, uint64_t nid,
    int (*fn)(void *ctx, const char *name, const void *value, size_t len),
    void *ctx);
bool index_find_xattr(const struct index *x, uint64_t nid, const char *name,
    const void **value, size_t *len);

/* The first path found of an inode, for messages: walks the tree.  "" for the
 * root, NULL when there is none.  The caller frees. */
char *index_path(const struct index *x, uint64_t nid);

/* The regular file that holds a position of `data`, for messages: its nid or 0.
 * Walks the tree. */
uint64_t index_find_position(const struct index *x, uint64_t data_off);

#endif
