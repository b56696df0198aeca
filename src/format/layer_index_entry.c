/* One entry of a layer's index, as a tar would have it. */
#include <errno.h>
#include <string.h>

#include "format/layer_index_parts.h"
#include "base/err.h"

#include "layerfs/layer_index.h"

static int
too_short(struct err *e)
{
	return err_set(e, EBADMSG, "its tables are cut off");
}

static int
read_path(struct index_entries *r, const struct layerfs_layer_index_entry *row,
    struct err *e)
{
	size_t shared = le16toh(row->shared), added = le16toh(row->added);
	const uint8_t *p = cursor_take(&r->left, added);

	if (p == NULL)
		return too_short(e);
	if (shared > r->path_len || added > sizeof r->path - shared ||
	    memchr(p, 0, added) != NULL)
		return err_set(e, EBADMSG, "an entry's path");
	memcpy(r->path + shared, p, added);
	r->path_len = shared + added;
	return 0;
}

static int
read_link(struct index_entries *r, struct tar_entry *x, struct err *e)
{
	const uint8_t *p = cursor_take(&r->left, 2);

	if (p == NULL)
		return too_short(e);
	x->link_len = get_le16(p);
	x->link = (const char *)cursor_take(&r->left, x->link_len);
	if (x->link == NULL)
		return too_short(e);
	if (memchr(x->link, 0, x->link_len) != NULL)
		return err_set(e, EBADMSG, "a link's target");
	return 0;
}

static int
read_device(struct index_entries *r, struct tar_entry *x, struct err *e)
{
	const uint8_t *p = cursor_take(&r->left, 8);

	if (p == NULL)
		return too_short(e);
	x->major = get_le32(p);
	x->minor = get_le32(p + 4);
	return 0;
}

static int
read_object(struct index_entries *r, uint32_t *object, struct err *e)
{
	const uint8_t *p = cursor_take(&r->left, 4);

	if (p == NULL)
		return too_short(e);
	*object = get_le32(p);
	return 0;
}

static int
read_xattr(struct index_entries *r, struct err *e)
{
	struct tar_xattr x = { 0 };
	const uint8_t *p = cursor_take(&r->left, 2);
	size_t n = p != NULL ? get_le16(p) : 0;

	x.name = (const char *)cursor_take(&r->left, n);
	p = cursor_take(&r->left, 4);
	if (x.name == NULL || p == NULL)
		return too_short(e);
	if (n < 2 || memchr(x.name, 0, n) != x.name + n - 1)
		return err_set(e, EBADMSG, "an attribute's name");
	x.len = get_le32(p);
	x.value = cursor_take(&r->left, x.len);
	if (x.value == NULL)
		return too_short(e);
	return buf_append(&r->xattrs, &x, sizeof x, e);
}

static int
read_xattrs(
    struct index_entries *r, uint32_t n, struct tar_entry *x, struct err *e)
{
	r->xattrs.len = 0;
	for (uint32_t i = 0; i < n; i++)
		if (read_xattr(r, e) < 0)
			return -1;
	x->xattrs = (const struct tar_xattr *)r->xattrs.data;
	x->n_xattrs = n;
	return 0;
}

static int
read_by_kind(struct index_entries *r, uint8_t kind, struct index_read *out,
    struct err *e)
{
	static const enum tar_type types[LAYERFS_ENTRY_KINDS] = {
		[LAYERFS_ENTRY_FILE] = TAR_FILE,
		[LAYERFS_ENTRY_DIR] = TAR_DIR,
		[LAYERFS_ENTRY_SYMLINK] = TAR_SYMLINK,
		[LAYERFS_ENTRY_HARDLINK] = TAR_HARDLINK,
		[LAYERFS_ENTRY_CHAR] = TAR_CHAR,
		[LAYERFS_ENTRY_BLOCK] = TAR_BLOCK_DEVICE,
		[LAYERFS_ENTRY_FIFO] = TAR_FIFO,
	};

	out->tar.type = types[kind];
	switch (kind) {
	case LAYERFS_ENTRY_FILE:
		return read_object(r, &out->object, e);
	case LAYERFS_ENTRY_SYMLINK:
	case LAYERFS_ENTRY_HARDLINK:
		return read_link(r, &out->tar, e);
	case LAYERFS_ENTRY_CHAR:
	case LAYERFS_ENTRY_BLOCK:
		return read_device(r, &out->tar, e);
	default:
		return 0;
	}
}

static int
read_row(struct index_entries *r, struct layerfs_layer_index_entry *row,
    struct index_read *out, struct err *e)
{
	const void *p = cursor_take(&r->left, sizeof *row);

	if (p == NULL)
		return too_short(e);
	memcpy(row, p, sizeof *row);
	if (read_path(r, row, e) < 0)
		return -1;
	*out = (struct index_read){
		.tar = {
			.path = r->path,
			.path_len = r->path_len,
			.mode = le16toh(row->mode),
			.uid = le32toh(row->uid),
			.gid = le32toh(row->gid),
			.mtime_s = le64toh(row->mtime_s),
			.mtime_ns = le32toh(row->mtime_ns),
		},
		.is_opaque = row->kind == LAYERFS_ENTRY_OPAQUE,
		.object = LAYERFS_NO_OBJECT,
	};
	if (row->kind >= LAYERFS_ENTRY_KINDS || row->reserved != 0 ||
	    out->tar.mode > 07777 || out->tar.mtime_ns >= 1000000000)
		return err_set(e, EBADMSG, "its attributes");
	return 0;
}

int
index_entries_next(
    struct index_entries *r, struct index_read *out, struct err *e)
{
	struct layerfs_layer_index_entry row;

	if (read_row(r, &row, out, e) < 0)
		return -1;
	if (out->is_opaque)
		return 0;
	if (read_by_kind(r, row.kind, out, e) < 0)
		return -1;
	return read_xattrs(r, le32toh(row.n_xattrs), &out->tar, e);
}
