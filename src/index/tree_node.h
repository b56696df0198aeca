/* The tree's inside, for the files of this folder that make, finish, merge and
 * write one.
 *
 * A node is an inode, a name is its place in a folder.  Names are found by hash
 * of (folder, text); folders keep no list of theirs until tree_finish() sorts
 * them.  So nothing is ever unlinked: a name is removed by taking its node away
 * (and may get another), a folder is emptied by raising its epoch, which its
 * names then miss, and what lay in a lost folder is simply not reached.
 * A folder's own name is always older than the names inside: one pass over the
 * names in the order of their making tells which are alive.
 */
#ifndef INDEX_TREE_NODE_H
#define INDEX_TREE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "index/arena.h"
#include "index/tree.h"
#include "base/hmap.h"
#include "base/limits.h"

#define XATTR_OPAQUE "trusted.overlay.opaque"

enum node_flag {
	NODE_IMPLIED = 1, /* a folder without an entry of its own */
	NODE_OPAQUE = 2,  /* XATTR_OPAQUE is set by tree_finish() */
};

struct name {
	struct hnode in_names;
	struct name *next; /* in the order of making */
	struct node *folder;
	struct node *node; /* NULL: removed */
	uint32_t epoch;    /* the folder's when this was made */
	uint8_t len;
	char text[];
};

struct xattr {
	struct hnode in_xattrs;
	struct xattr *next; /* a ring in the order of setting */
	const struct node *node;
	const void *value;
	uint16_t value_len;
	uint8_t prefix; /* index/erofs.h */
	uint8_t name_len;
	char name[]; /* without the prefix */
};

struct node {
	struct node *next;    /* in the order of adding */
	struct xattr *xattrs; /* the last of the ring */
	union {
		struct { /* a regular file */
			uint64_t content;
		};
		struct { /* a symbolic link */
			const char *target;
		};
		struct { /* a folder; the root is its own parent */
			struct node *parent;
			struct name **names; /* after tree_finish: sorted, with
						"." and ".." */
		};
		struct { /* a device */
			dev_t rdev;
		};
		struct { /* mode 0: a hard link whose target is to come */
			const char *target_path;
			struct node *leads_to;
		};
	};
	uint64_t size; /* bytes of file, target or target_path; number of
			  names */
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t uid, gid;
	uint32_t n_links;     /* names that are alive, after tree_finish */
	uint32_t nlink;       /* what stat shows; 0: tree_finish counts */
	uint32_t xattr_bytes; /* on disk, with the header; 0: none */
	uint32_t number;      /* after tree_finish: from 0, no gaps */
	uint32_t epoch;       /* of a folder */
	uint16_t mode;
	uint16_t depth; /* of a folder: 0 the root */
	uint8_t flags;
};

struct tree {
	struct arena arena;
	struct hmap names;
	struct hmap xattrs;
	uint64_t seed; /* secret: names cannot be made to collide */
	struct node *root, *last_node;
	struct name *first_name, *last_name;
	struct name **sorted; /* what folders' `names` are parts of */
	uint64_t n_names;
	uint64_t n_inodes;
	uint64_t followed_bytes; /* of links: bounds the work of walking */
	bool is_finished;

	/* Where the last path's parents led: entries come folder by folder.
	 * NULL as soon as a name leads elsewhere than it did. */
	struct node *last_folder;
	size_t last_parents_len;
	char last_parents[LIMIT_PATH_BYTES];
};

static inline bool
node_is_whiteout(const struct node *n)
{
	return S_ISCHR(n->mode) && n->rdev == 0;
}

static inline bool
node_is_pending(const struct node *n)
{
	return n->mode == 0;
}

/* How much of a path goes into a message. */
static inline int
shown(size_t len)
{
	return len < 96 ? (int)len : 96;
}

/* ---- tree.c ---- */

/* The name's node, or NULL. */
struct node *tree_child(const struct tree *t, const struct node *folder,
    const char *name, size_t len);

/* Adds or replaces as tree_add() does, in a folder that is known. */
struct node *tree_put(struct tree *t, struct node *folder, const char *name,
    size_t len, const struct node_attr *a, struct err *e);

/* The folder of that name, made and implied in place of whatever else is
 * there. */
struct node *tree_imply(struct tree *t, struct node *folder, const char *name,
    size_t len, struct err *e);

/* Makes the name one of an inode that has others. */
int tree_link(struct tree *t, struct node *folder, const char *name, size_t len,
    struct node *n, struct err *e);

void tree_remove(
    struct tree *t, const struct node *folder, const char *name, size_t len);

void tree_empty_folder(struct tree *t, struct node *folder);

/* A folder's new attributes; its xattrs go, its children stay. */
int tree_set_folder(struct tree *t, struct node *folder,
    const struct node_attr *a, struct err *e);

/* A copy that lives as long as the tree, NULL when memory is short. */
void *tree_copy(struct tree *t, const void *p, size_t n, struct err *e);

/* ---- tree_path.c ---- */

/* A path's parents and its last component; last_len 0: the root. */
struct tree_path {
	const char *parents;
	size_t parents_len;
	const char *last;
	size_t last_len;
};
int tree_split(
    const char *path, size_t len, struct tree_path *out, struct err *e);

/* The folder that a path's parents lead to, links followed.  Missing ones are
 * made, or ENOENT when !make. */
struct node *tree_walk_parents(
    struct tree *t, const struct tree_path *p, bool make, struct err *e);

/* ---- tree_xattr.c ---- */

void tree_drop_xattrs(struct tree *t, struct node *n);

/* XATTR_OPAQUE, which tree_set_xattr() refuses. */
int tree_set_opaque_xattr(struct tree *t, struct node *n, struct err *e);

#endif
