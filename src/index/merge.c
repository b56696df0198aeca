/* Layer by layer onto one tree.  A layer's own links were followed when its tree was
 * made; those of the layers below it knows nothing of. */
#include "index/merge.h"

#include <errno.h>
#include <string.h>

#include "index/index.h"
#include "index/tree_node.h"
#include "base/err.h"

/* An inode of the layer that more than one name may lead to. */
struct shared {
	struct hnode in_shared;
	uint64_t nid;
	struct node *node;
};

struct merge {
	struct tree *t;
	const struct index *layer;
	struct arena arena; /* of `shared` */
	struct hmap shared; /* of this layer */
	struct err *e;
};

static bool
next_entry(const struct merge *m, uint64_t dir, uint64_t *cookie,
    struct index_entry *out)
{
	while (index_read_dir(m->layer, dir, cookie, out)) {
		if (out->name[0] != '.' || out->name_len > 2 ||
		    (out->name_len == 2 && out->name[1] != '.'))
			return true;
	}
	return false;
}

static bool
is_whiteout(const struct merge *m, const struct index_entry *n)
{
	struct stat st;

	return S_ISCHR(n->type) && index_stat(m->layer, n->nid, &st) &&
	       st.st_rdev == 0;
}

static bool
is_opaque(const struct merge *m, uint64_t dir)
{
	const void *value;
	size_t len;

	return index_find_xattr(m->layer, dir, XATTR_OPAQUE, &value, &len) &&
	       len == 1 && *(const char *)value == 'y';
}

/* ---- what is not a folder ---- */

struct copy {
	struct merge *m;
	struct node *to;
};

static int
copy_xattr(void *ctx, const char *name, const void *value, size_t len)
{
	struct copy *c = ctx;

	if (tree_set_xattr(c->m->t, c->to, name, value, len, c->m->e) == 0)
		return 0;
	/* Overlayfs's own: they are obeyed here, not kept. */
	return c->m->e->code == ENOTSUP ? 0 : -1;
}

static int
copy_xattrs(struct merge *m, struct node *to, uint64_t nid)
{
	struct copy c = { m, to };

	return index_each_xattr(m->layer, nid, copy_xattr, &c);
}

static struct node_attr
attr_of(const struct merge *m, uint64_t nid, struct stat *st)
{
	struct node_attr a;

	index_stat(m->layer, nid, st);
	a = (struct node_attr){
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = st->st_mtim.tv_nsec,
		.rdev = st->st_rdev,
	};
	if (S_ISREG(st->st_mode))
		index_file(m->layer, nid, &a.content, &a.size);
	return a;
}

static struct node *
find_shared(const struct merge *m, uint64_t nid)
{
	hmap_for_each_match(&m->shared, hash_u64(nid), h) {
		struct shared *s = container_of(h, struct shared, in_shared);

		if (s->nid == nid)
			return s->node;
	}
	return NULL;
}

static int
remember_shared(struct merge *m, uint64_t nid, struct node *node)
{
	struct shared *s = arena_alloc(&m->arena, sizeof *s);

	if (s == NULL)
		return err_set(m->e, ENOMEM, "memory for a hard link");
	s->nid = nid;
	s->node = node;
	hmap_insert(&m->shared, &s->in_shared, hash_u64(nid));
	return 0;
}

static int
lay_new(struct merge *m, struct node *folder, const struct index_entry *n)
{
	struct stat st;
	struct node_attr a = attr_of(m, n->nid, &st);
	struct node *node =
	    tree_put(m->t, folder, n->name, n->name_len, &a, m->e);
	const char *target;
	size_t len;

	if (node == NULL)
		return -1;
	node->nlink = st.st_nlink;
	if (index_read_link(m->layer, n->nid, &target, &len) &&
	    tree_set_target(m->t, node, target, len, m->e) < 0)
		return -1;
	if (st.st_nlink > 1 && remember_shared(m, n->nid, node) < 0)
		return -1;
	return copy_xattrs(m, node, n->nid);
}

static int
lay_file(struct merge *m, struct node *folder, const struct index_entry *n)
{
	struct node *shared = find_shared(m, n->nid);

	if (shared == NULL)
		return lay_new(m, folder, n);
	return tree_link(m->t, folder, n->name, n->name_len, shared, m->e);
}

/* ---- folders ---- */

static struct node *
lay_folder(struct merge *m, struct node *folder, const struct index_entry *n)
{
	struct stat st;
	struct node_attr a;
	struct node *to;

	if (index_is_implied(m->layer, n->nid))
		return tree_imply(m->t, folder, n->name, n->name_len, m->e);
	a = attr_of(m, n->nid, &st);
	to = tree_put(m->t, folder, n->name, n->name_len, &a, m->e);
	if (to == NULL || copy_xattrs(m, to, n->nid) < 0)
		return NULL;
	return to;
}

/* As deep as LIMIT_DEPTH: the index was checked. */
static int
lay_over(struct merge *m, struct node *folder, uint64_t dir)
{
	struct index_entry n;
	uint64_t cookie = 0;

	if (is_opaque(m, dir))
		tree_empty_folder(m->t, folder);
	while (next_entry(m, dir, &cookie, &n)) {
		struct node *to;

		if (S_ISDIR(n.type)) {
			to = lay_folder(m, folder, &n);
			if (to == NULL || lay_over(m, to, n.nid) < 0)
				return -1;
		} else if (is_whiteout(m, &n)) {
			tree_remove(m->t, folder, n.name, n.name_len);
		} else if (lay_file(m, folder, &n) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
lay_root(struct merge *m)
{
	struct stat st;
	struct node_attr a;

	if (index_is_implied(m->layer, INDEX_ROOT))
		return 0;
	a = attr_of(m, INDEX_ROOT, &st);
	if (tree_set_folder(m->t, m->t->root, &a, m->e) < 0)
		return -1;
	return copy_xattrs(m, m->t->root, INDEX_ROOT);
}

/* ---- the whole ---- */

static int
apply(struct tree *t, const struct index *layer, struct err *e)
{
	struct merge m = { .t = t, .layer = layer, .e = e };
	int r = -1;

	if (lay_root(&m) == 0)
		r = lay_over(&m, t->root, INDEX_ROOT);
	hmap_release(&m.shared);
	arena_release(&m.arena);
	return r;
}

struct tree *
index_merge(struct index *const *layers, size_t n, struct err *e)
{
	AUTO_TREE struct tree *t = tree_new(e);

	if (t == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (apply(t, layers[i], e) < 0) {
			err_wrap(e, "merging layer %zu", i);
			return NULL;
		}
	}
	if (tree_finish(t, e) < 0)
		return NULL;
	return take_ptr(&t);
}
