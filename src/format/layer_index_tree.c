/* The entries of a layer's index, from its tree. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "format/layer_index_parts.h"
#include "index/index.h"
#include "store/map.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"

#include "layerfs/layer_index.h"

#define OPAQUE "trusted.overlay.opaque"

/* An inode with several names, and the first of them. */
struct linked {
	struct hnode node;
	uint64_t nid;
	size_t len;
	char path[];
};

struct writer {
	struct tree_writing *out;
	struct buf path, last; /* of the entry at hand, of the one before */
	struct hmap linked;
	struct err *e;
};

/* ---- entries ---- */

static size_t
common_prefix(const struct buf *a, const struct buf *b)
{
	size_t n = 0, max = min_u64(a->len, b->len);

	while (n < max && a->data[n] == b->data[n])
		n++;
	return n;
}

static int
put_number(struct buf *b, uint64_t v, size_t bytes, struct err *e)
{
	v = htole64(v);
	return buf_append(b, &v, bytes, e);
}

static int
put_text(struct writer *w, const void *p, size_t n)
{
	if (put_number(w->out->tables, n, 2, w->e) < 0)
		return -1;
	return buf_append(w->out->tables, p, n, w->e);
}

/* The row and the path of w->path. */
static int
put_entry(
    struct writer *w, uint8_t kind, const struct stat *st, uint32_t n_xattrs)
{
	size_t shared = common_prefix(&w->last, &w->path);
	struct layerfs_layer_index_entry row = {
		.kind = kind,
		.shared = htole16(shared),
		.added = htole16(w->path.len - shared),
		.n_xattrs = htole32(n_xattrs),
	};

	if (st != NULL) {
		row.mode = htole16(st->st_mode & 07777);
		row.uid = htole32(st->st_uid);
		row.gid = htole32(st->st_gid);
		row.mtime_s = htole64(st->st_mtim.tv_sec);
		row.mtime_ns = htole32(st->st_mtim.tv_nsec);
	}
	w->out->n_entries++;
	if (buf_append(w->out->tables, &row, sizeof row, w->e) < 0 ||
	    buf_append(w->out->tables, w->path.data + shared,
		w->path.len - shared, w->e) < 0)
		return -1;
	w->last.len = 0;
	return buf_append(&w->last, w->path.data, w->path.len, w->e);
}

static int
count_xattr(void *ctx, const char *name, const void *value, size_t len)
{
	uint32_t *n = ctx;

	(void)value, (void)len;
	*n += strcmp(name, OPAQUE) != 0;
	return 0;
}

static int
put_xattr(void *ctx, const char *name, const void *value, size_t len)
{
	struct writer *w = ctx;

	if (strcmp(name, OPAQUE) == 0)
		return 0;
	if (put_text(w, name, strlen(name) + 1) < 0 ||
	    put_number(w->out->tables, len, 4, w->e) < 0)
		return -1;
	return buf_append(w->out->tables, value, len, w->e);
}

static int
put_content(struct writer *w, uint64_t nid)
{
	uint64_t data_off, size;
	uint32_t object, number = LAYERFS_NO_OBJECT;

	if (!index_file(w->out->x, nid, &data_off, &size))
		return err_set(w->e, EBADMSG, "a file without its inode");
	if (size > 0) {
		if (!map_find_object(w->out->m, data_off, &object))
			return err_set(w->e, EBADMSG, "a file of no object");
		number = w->out->numbers[object];
	}
	return put_number(w->out->tables, number, 4, w->e);
}

static int
put_by_kind(struct writer *w, uint64_t nid, const struct stat *st)
{
	const char *target;
	size_t len;

	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return put_content(w, nid);
	case S_IFLNK:
		if (!index_read_link(w->out->x, nid, &target, &len))
			return err_set(w->e, EBADMSG, "a link's target");
		return put_text(w, target, len);
	case S_IFCHR:
	case S_IFBLK:
		if (put_number(w->out->tables, major(st->st_rdev), 4, w->e) < 0)
			return -1;
		return put_number(w->out->tables, minor(st->st_rdev), 4, w->e);
	default:
		return 0;
	}
}

static uint8_t
kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return LAYERFS_ENTRY_DIR;
	case S_IFLNK:
		return LAYERFS_ENTRY_SYMLINK;
	case S_IFCHR:
		return LAYERFS_ENTRY_CHAR;
	case S_IFBLK:
		return LAYERFS_ENTRY_BLOCK;
	case S_IFIFO:
		return LAYERFS_ENTRY_FIFO;
	default:
		return LAYERFS_ENTRY_FILE;
	}
}

static int
put_inode(struct writer *w, uint64_t nid, const struct stat *st)
{
	uint32_t n_xattrs = 0;

	index_each_xattr(w->out->x, nid, count_xattr, &n_xattrs);
	if (put_entry(w, kind_of(st->st_mode), st, n_xattrs) < 0 ||
	    put_by_kind(w, nid, st) < 0)
		return -1;
	return index_each_xattr(w->out->x, nid, put_xattr, w);
}

/* ---- hard links ---- */

static const struct linked *
find_linked(const struct writer *w, uint64_t nid)
{
	hmap_for_each_match(&w->linked, hash_u64(nid), n) {
		const struct linked *l = container_of(n, struct linked, node);

		if (l->nid == nid)
			return l;
	}
	return NULL;
}

static int
note_linked(struct writer *w, uint64_t nid)
{
	struct linked *l = malloc(sizeof *l + w->path.len);

	if (l == NULL)
		return err_set(w->e, ENOMEM, "a layer's index");
	l->nid = nid;
	l->len = w->path.len;
	memcpy(l->path, w->path.data, l->len);
	hmap_insert(&w->linked, &l->node, hash_u64(nid));
	return 0;
}

static int
put_file(struct writer *w, uint64_t nid, const struct stat *st)
{
	const struct linked *first = find_linked(w, nid);

	if (first != NULL) {
		if (put_entry(w, LAYERFS_ENTRY_HARDLINK, NULL, 0) < 0)
			return -1;
		return put_text(w, first->path, first->len);
	}
	if (st->st_nlink > 1 && note_linked(w, nid) < 0)
		return -1;
	return put_inode(w, nid, st);
}

/* ---- the tree ---- */

static bool
is_dots(const struct index_entry *x)
{
	return x->name[0] == '.' &&
	       (x->name_len == 1 || (x->name_len == 2 && x->name[1] == '.'));
}

static int
put_folder(struct writer *w, uint64_t nid, const struct stat *st)
{
	const void *value;
	size_t len;

	if (!index_is_implied(w->out->x, nid) && put_inode(w, nid, st) < 0)
		return -1;
	if (!index_find_xattr(w->out->x, nid, OPAQUE, &value, &len))
		return 0;
	return put_entry(w, LAYERFS_ENTRY_OPAQUE, NULL, 0);
}

/* The inode that w->path names, and what is in it. */
static int
put_tree(struct writer *w, uint64_t nid)
{
	struct index_entry entry;
	size_t len = w->path.len;
	uint64_t cookie = 0;
	struct stat st;

	if (!index_stat(w->out->x, nid, &st))
		return err_set(w->e, EBADMSG, "a name without its inode");
	if (!S_ISDIR(st.st_mode))
		return put_file(w, nid, &st);
	if (put_folder(w, nid, &st) < 0)
		return -1;
	while (index_read_dir(w->out->x, nid, &cookie, &entry)) {
		if (is_dots(&entry))
			continue;
		if ((len > 0 && buf_append(&w->path, "/", 1, w->e) < 0) ||
		    buf_append(&w->path, entry.name, entry.name_len, w->e) <
			0 ||
		    put_tree(w, entry.nid) < 0)
			return -1;
		w->path.len = len;
	}
	return 0;
}

static void
release(struct writer *w)
{
	struct hnode *n;

	while ((n = hmap_any(&w->linked)) != NULL) {
		hmap_remove(&w->linked, n);
		free(container_of(n, struct linked, node));
	}
	hmap_release(&w->linked);
	buf_release(&w->path);
	buf_release(&w->last);
}

int
layer_index_put_tree(struct tree_writing *out, struct err *e)
{
	CLEANUP(release)
	struct writer w = {
		.out = out,
		.path = BUF_INIT(LIMIT_PATH_BYTES),
		.last = BUF_INIT(LIMIT_PATH_BYTES),
		.e = e,
	};

	return put_tree(&w, INDEX_ROOT);
}
