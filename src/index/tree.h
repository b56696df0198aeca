/* A tree in memory while an index is being made: from a table of contents, from
 * a tar stream, or by merging other indexes.
 *
 * Life: tree_new, any number of tree_add_*, tree_finish once, then
 * index_write() (index/writer.h) and tree_free.  Nothing may be added after
 * tree_finish.  One thread at a time.  Memory comes from an arena: nodes live
 * as long as the tree.
 *
 * Paths are bytes, not text: any byte but NUL, '/' separates.  Leading "/" and
 * "./", doubled and trailing slashes and "." components are dropped; a ".."
 * component, a name over LIMIT_NAME_BYTES, a path over LIMIT_PATH_BYTES or
 * deeper than LIMIT_DEPTH is EBADMSG.  "" is the root.  A parent that is
 * missing is made as a folder 0755 root:root, mtime 0, and is "implied" until
 * an entry of its own comes.  A parent that is a symbolic link is followed
 * inside the tree (40 links at most, never above the root), as containerd's
 * unpacking does.
 *
 * An entry that is there already is replaced, the last one wins; a folder over
 * a folder keeps its children and takes the new attributes.
 */
#ifndef INDEX_TREE_H
#define INDEX_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct err;
struct tree;
struct node;

#define AUTO_TREE CLEANUP(tree_cleanup)

/* `content` says where a regular file's bytes are: whatever the caller of
 * index_write() can turn into a position in `data`.  Not looked at when size
 * is 0. */
struct node_attr {
	mode_t mode; /* type and permissions */
	uint32_t uid, gid;
	int64_t mtime_s;
	uint32_t mtime_ns;
	dev_t rdev;       /* devices */
	uint64_t size;    /* regular files, bytes, <= LIMIT_FILE_BYTES */
	uint64_t content; /* regular files */
};

struct tree *tree_new(struct err *e);
void tree_free(struct tree *t);

static inline void
tree_cleanup(struct tree **t)
{
	tree_free(*t);
}

/* Adds or replaces.  A symbolic link's target is given with tree_set_target().
 * The root itself may only be a folder.  E2BIG past LIMIT_ENTRIES. */
struct node *tree_add(struct tree *t, const char *path, size_t path_len,
    const struct node_attr *a, struct err *e);

/* A symbolic link's target, 1 to LIMIT_LINK_BYTES bytes, no NUL. */
int tree_set_target(struct tree *t, struct node *n, const char *target,
    size_t len, struct err *e);

/* name with its prefix ("user.x", "security.capability",
 * "system.posix_acl_access").  Replaces a value of the same name.  ENOTSUP for
 * a prefix EROFS cannot store and for overlayfs's own (trusted.overlay.*,
 * user.overlay.*): the caller decides whether to drop it.  E2BIG past
 * LIMIT_XATTR_BYTES and LIMIT_XATTRS_BYTES. */
int tree_set_xattr(struct tree *t, struct node *n, const char *name,
    const void *value, size_t value_len, struct err *e);

/* path becomes another name of target, which may come later and may itself be a
 * hard link; resolved by tree_finish, where a missing target, a folder as
 * target, or a cycle is EBADMSG naming both.  A target that is there already is
 * linked at once: replacing that name later does not change this one. */
int tree_add_hardlink(struct tree *t, const char *path, size_t path_len,
    const char *target, size_t target_len, struct err *e);

/* What a hard link that was added leads to; NULL where that is still to come. */
struct node *tree_find_linked(
    struct tree *t, const char *path, size_t path_len);

/* Gives it other permissions, owners and time; of a symbolic link the mode
 * stays. */
void tree_change(struct node *n, const struct node_attr *a);

/* OCI whiteouts as overlayfs shows them: a character device 0:0 in path's
 * place; the xattr trusted.overlay.opaque=y on the folder.  A folder that comes in a
 * whiteout's place in the same layer is opaque, as the specification has it; of
 * containerd's and podman's unpacking the whiteout is lost, and what was below shows. */
int tree_add_whiteout(
    struct tree *t, const char *path, size_t path_len, struct err *e);
int tree_add_opaque(
    struct tree *t, const char *dir, size_t dir_len, struct err *e);

/* Resolves hard links, sorts names, counts links.  Then, and only then, the
 * counts below are right. */
int tree_finish(struct tree *t, struct err *e);

uint64_t tree_inodes(const struct tree *t);

/* Every regular file of size > 0, each inode once, in the order in which they
 * were added: the order to lay contents out in.  `content` may be changed.
 * Stops at the first non-zero return and returns it. */
int tree_each_file(struct tree *t,
    int (*fn)(void *ctx, uint64_t size, uint64_t *content), void *ctx);

#endif
