#include "index/tree.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "index/erofs.h"
#include "index/tree_node.h"
#include "base/err.h"
#include "base/limits.h"

enum { IMPLIED_MODE = S_IFDIR | 0755, NS_PER_S = 1000000000 };

void *
tree_copy(struct tree *t, const void *p, size_t n, struct err *e)
{
	void *copy = arena_alloc(&t->arena, n);

	if (copy == NULL)
		err_set(e, ENOMEM, "%zu bytes of memory", n);
	else
		memcpy(copy, p, n);
	return copy;
}

static struct node *
node_new(struct tree *t, mode_t mode, struct err *e)
{
	struct node *n = arena_alloc(&t->arena, sizeof *n);

	if (n == NULL) {
		err_set(e, ENOMEM, "memory for an inode");
		return NULL;
	}
	n->mode = mode;
	if (t->last_node != NULL)
		t->last_node->next = n;
	t->last_node = n;
	return n;
}

struct tree *
tree_new(struct err *e)
{
	AUTO_TREE struct tree *t = calloc(1, sizeof *t);

	if (t == NULL) {
		err_set(e, ENOMEM, "memory for a tree");
		return NULL;
	}
	if (getrandom(&t->seed, sizeof t->seed, 0) != sizeof t->seed) {
		err_sys(e, "getrandom");
		return NULL;
	}
	t->root = node_new(t, IMPLIED_MODE, e);
	if (t->root == NULL)
		return NULL;
	t->root->flags = NODE_IMPLIED;
	t->root->parent = t->root;
	return take_ptr(&t);
}

void
tree_free(struct tree *t)
{
	if (t == NULL)
		return;
	hmap_release(&t->names);
	hmap_release(&t->xattrs);
	arena_release(&t->arena);
	free(t->sorted);
	free(t);
}

/* ---- names ---- */

static uint64_t
name_hash(const struct tree *t, const struct node *folder, const char *name,
    size_t len)
{
	return hash_bytes(name, len, t->seed ^ (uintptr_t)folder);
}

static struct name *
name_find(const struct tree *t, const struct node *folder, const char *name,
    size_t len, uint64_t hash)
{
	hmap_for_each_match(&t->names, hash, h) {
		struct name *n = container_of(h, struct name, in_names);

		if (n->folder == folder && n->epoch == folder->epoch &&
		    n->len == len && memcmp(n->text, name, len) == 0)
			return n;
	}
	return NULL;
}

struct node *
tree_child(const struct tree *t, const struct node *folder, const char *name,
    size_t len)
{
	uint64_t hash = name_hash(t, folder, name, len);
	struct name *n = name_find(t, folder, name, len, hash);

	return n == NULL ? NULL : n->node;
}

static struct name *
name_new(struct tree *t, struct node *folder, const char *name, size_t len,
    struct err *e)
{
	struct name *n;

	if (t->n_names >= LIMIT_ENTRIES) {
		err_set(e, E2BIG, "over %d entries", LIMIT_ENTRIES);
		return NULL;
	}
	if (folder->depth >= LIMIT_DEPTH) {
		err_set(e, EBADMSG, "deeper than %d folders: %.*s", LIMIT_DEPTH,
		    (int)len, name);
		return NULL;
	}
	n = arena_alloc(&t->arena, sizeof *n + len);
	if (n == NULL) {
		err_set(e, ENOMEM, "memory for a name");
		return NULL;
	}
	n->folder = folder;
	n->epoch = folder->epoch;
	n->len = len;
	memcpy(n->text, name, len);
	if (t->last_name != NULL)
		t->last_name->next = n;
	else
		t->first_name = n;
	t->last_name = n;
	t->n_names++;
	return n;
}

/* The name, made if need be; without a node when it is new or was removed. */
static struct name *
name_get(struct tree *t, struct node *folder, const char *name, size_t len,
    struct err *e)
{
	uint64_t hash = name_hash(t, folder, name, len);
	struct name *n = name_find(t, folder, name, len, hash);

	if (n != NULL)
		return n;
	n = name_new(t, folder, name, len, e);
	if (n != NULL)
		hmap_insert(&t->names, &n->in_names, hash);
	return n;
}

static void
name_set(struct tree *t, struct name *name, struct node *n)
{
	if (name->node != NULL)
		t->last_folder = NULL;
	name->node = n;
}

/* Puts a node of that mode in the name's place. */
static struct node *
name_replace(struct tree *t, struct name *name, mode_t mode, struct err *e)
{
	struct node *n = node_new(t, mode, e);

	if (n == NULL)
		return NULL;
	if (S_ISDIR(mode)) {
		n->parent = name->folder;
		n->depth = name->folder->depth + 1;
		/* The whiteout hid what is below, and so must the folder. */
		if (name->node != NULL && node_is_whiteout(name->node))
			n->flags |= NODE_OPAQUE;
	}
	name_set(t, name, n);
	return n;
}

void
tree_remove(
    struct tree *t, const struct node *folder, const char *name, size_t len)
{
	uint64_t hash = name_hash(t, folder, name, len);
	struct name *n = name_find(t, folder, name, len, hash);

	if (n != NULL)
		name_set(t, n, NULL);
}

void
tree_empty_folder(struct tree *t, struct node *folder)
{
	t->last_folder = NULL;
	folder->epoch++;
}

/* ---- attributes ---- */

static int
check_attr(const struct node_attr *a, struct err *e)
{
	if (erofs_type_of_mode(a->mode) == 0 || a->mode > UINT16_MAX)
		return err_set(e, EBADMSG, "mode 0%o", a->mode);
	if (a->mtime_ns >= NS_PER_S)
		return err_set(e, EBADMSG, "%u nanoseconds", a->mtime_ns);
	if (S_ISREG(a->mode) && a->size > LIMIT_FILE_BYTES)
		return err_set(e, EBADMSG, "a file of %llu bytes",
		    (unsigned long long)a->size);
	if ((S_ISCHR(a->mode) || S_ISBLK(a->mode)) &&
	    !erofs_device_fits(a->rdev))
		return err_set(e, EBADMSG, "device number 0x%llx",
		    (unsigned long long)a->rdev);
	return 0;
}

static void
set_attr(struct node *n, const struct node_attr *a)
{
	n->mode = a->mode;
	n->uid = a->uid;
	n->gid = a->gid;
	n->mtime_s = a->mtime_s;
	n->mtime_ns = a->mtime_ns;
	n->flags &= ~NODE_IMPLIED;
	if (S_ISREG(a->mode)) {
		n->size = a->size;
		n->content = a->content;
	} else if (S_ISCHR(a->mode) || S_ISBLK(a->mode)) {
		n->rdev = a->rdev;
	}
}

int
tree_set_folder(struct tree *t, struct node *folder, const struct node_attr *a,
    struct err *e)
{
	if (!S_ISDIR(a->mode))
		return err_set(e, EBADMSG, "the root is not a folder");
	if (check_attr(a, e) < 0)
		return -1;
	tree_drop_xattrs(t, folder);
	set_attr(folder, a);
	return 0;
}

/* ---- entries of a known folder ---- */

struct node *
tree_put(struct tree *t, struct node *folder, const char *name, size_t len,
    const struct node_attr *a, struct err *e)
{
	struct name *at;
	struct node *n;

	if (check_attr(a, e) < 0)
		return NULL;
	at = name_get(t, folder, name, len, e);
	if (at == NULL)
		return NULL;
	if (S_ISDIR(a->mode) && at->node != NULL && S_ISDIR(at->node->mode))
		return tree_set_folder(t, at->node, a, e) < 0 ? NULL : at->node;
	n = name_replace(t, at, a->mode, e);
	if (n != NULL)
		set_attr(n, a);
	return n;
}

struct node *
tree_imply(struct tree *t, struct node *folder, const char *name, size_t len,
    struct err *e)
{
	struct name *at = name_get(t, folder, name, len, e);
	struct node *n;

	if (at == NULL)
		return NULL;
	if (at->node != NULL && S_ISDIR(at->node->mode))
		return at->node;
	n = name_replace(t, at, IMPLIED_MODE, e);
	if (n != NULL)
		n->flags |= NODE_IMPLIED;
	return n;
}

int
tree_link(struct tree *t, struct node *folder, const char *name, size_t len,
    struct node *n, struct err *e)
{
	struct name *at = name_get(t, folder, name, len, e);

	if (at == NULL)
		return -1;
	name_set(t, at, n);
	return 0;
}

/* ---- entries by path ---- */

struct node *
tree_add(struct tree *t, const char *path, size_t path_len,
    const struct node_attr *a, struct err *e)
{
	struct tree_path p;
	struct node *folder, *n = NULL;

	assert(!t->is_finished);
	if (tree_split(path, path_len, &p, e) < 0)
		return NULL;
	if (p.last_len == 0)
		return tree_set_folder(t, t->root, a, e) < 0 ? NULL : t->root;
	folder = tree_walk_parents(t, &p, true, e);
	if (folder != NULL)
		n = tree_put(t, folder, p.last, p.last_len, a, e);
	if (n == NULL)
		err_wrap(e, "%.*s", shown(path_len), path);
	return n;
}

int
tree_set_target(struct tree *t, struct node *n, const char *target, size_t len,
    struct err *e)
{
	assert(S_ISLNK(n->mode) && !t->is_finished);
	if (len == 0 || len > LIMIT_LINK_BYTES ||
	    memchr(target, 0, len) != NULL)
		return err_set(
		    e, EBADMSG, "a symbolic link's target of %zu bytes", len);
	t->last_folder = NULL;
	n->target = tree_copy(t, target, len, e);
	if (n->target == NULL)
		return -1;
	n->size = len;
	return 0;
}

/* The inode to share, if it is there already. */
static struct node *
find_link_target(struct tree *t, const struct tree_path *p)
{
	struct err ignored;
	struct node *folder, *n;

	folder = tree_walk_parents(t, p, false, &ignored);
	if (folder == NULL)
		return NULL;
	n = tree_child(t, folder, p->last, p->last_len);
	if (n == NULL || S_ISDIR(n->mode) || node_is_whiteout(n))
		return NULL;
	return n;
}

/* What stands in for a target that may still come. */
static struct node *
pending_new(struct tree *t, const char *target, size_t len, struct err *e)
{
	struct node *n = node_new(t, 0, e);

	if (n == NULL)
		return NULL;
	n->target_path = tree_copy(t, target, len, e);
	n->size = len;
	return n->target_path == NULL ? NULL : n;
}

static int
add_hardlink(struct tree *t, const struct tree_path *p, const char *target,
    size_t target_len, struct err *e)
{
	struct tree_path to;
	struct node *folder, *n;

	if (tree_split(target, target_len, &to, e) < 0)
		return -1;
	if (p->last_len == 0 || to.last_len == 0)
		return err_set(e, EBADMSG, "the root is no hard link");
	n = find_link_target(t, &to);
	if (n == NULL)
		n = pending_new(t, target, target_len, e);
	if (n == NULL)
		return -1;
	folder = tree_walk_parents(t, p, true, e);
	if (folder == NULL)
		return -1;
	return tree_link(t, folder, p->last, p->last_len, n, e);
}

int
tree_add_hardlink(struct tree *t, const char *path, size_t path_len,
    const char *target, size_t target_len, struct err *e)
{
	struct tree_path p;

	assert(!t->is_finished);
	if (tree_split(path, path_len, &p, e) < 0)
		return -1;
	if (add_hardlink(t, &p, target, target_len, e) < 0)
		return err_wrap(e, "%.*s, hard link to %.*s", shown(path_len),
		    path, shown(target_len), target);
	return 0;
}

struct node *
tree_find_linked(struct tree *t, const char *path, size_t path_len)
{
	struct err none = ERR_INIT;
	struct tree_path p;
	struct node *n;

	if (tree_split(path, path_len, &p, &none) < 0)
		return NULL;
	n = find_link_target(t, &p);
	return n == NULL || node_is_pending(n) ? NULL : n;
}

void
tree_change(struct node *n, const struct node_attr *a)
{
	assert(!S_ISDIR(n->mode) && !node_is_pending(n));
	if (!S_ISLNK(n->mode))
		n->mode = (n->mode & S_IFMT) | (a->mode & 07777);
	n->uid = a->uid;
	n->gid = a->gid;
	n->mtime_s = a->mtime_s;
	n->mtime_ns = a->mtime_ns;
}

int
tree_add_whiteout(
    struct tree *t, const char *path, size_t path_len, struct err *e)
{
	const struct node_attr whiteout = { .mode = S_IFCHR };

	return tree_add(t, path, path_len, &whiteout, e) == NULL ? -1 : 0;
}

int
tree_add_opaque(struct tree *t, const char *dir, size_t dir_len, struct err *e)
{
	struct tree_path p;
	struct node *folder;

	assert(!t->is_finished);
	if (tree_split(dir, dir_len, &p, e) < 0)
		return -1;
	/* The folder is the parent of what says so. */
	p.parents = dir;
	p.parents_len = dir_len;
	folder = tree_walk_parents(t, &p, true, e);
	if (folder == NULL)
		return err_wrap(e, "%.*s", shown(dir_len), dir);
	folder->flags |= NODE_OPAQUE;
	return 0;
}
