#include "codec/tar_entry.h"

#include <errno.h>
#include <string.h>

#include "codec/tar.h"
#include "codec/tar_header.h"
#include "codec/tar_meta.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

static int
set_type(struct tar_entry *x, uint8_t type, struct err *e)
{
	switch (type) {
	case 0:
		x->type = x->path_len > 0 && x->path[x->path_len - 1] == '/'
			      ? TAR_DIR
			      : TAR_FILE;
		return 0;
	case '0':
	case '7':
	case 'S':
		x->type = TAR_FILE;
		return 0;
	case '1':
		x->type = TAR_HARDLINK;
		return 0;
	case '2':
		x->type = TAR_SYMLINK;
		return 0;
	case '3':
		x->type = TAR_CHAR;
		return 0;
	case '4':
		x->type = TAR_BLOCK_DEVICE;
		return 0;
	case '5':
		x->type = TAR_DIR;
		return 0;
	case '6':
		x->type = TAR_FIFO;
		return 0;
	default:
		return err_set(e, EBADMSG, "unknown entry type 0x%02x", type);
	}
}

static int
set_name(struct tar_entry *x, const uint8_t *h, struct buf *name, struct err *e)
{
	enum tar_dialect dialect = tar_dialect(h);
	size_t prefix_max = dialect == TAR_USTAR  ? TAR_PREFIX_LEN
			    : dialect == TAR_STAR ? TAR_STAR_PREFIX_LEN
						  : 0;
	size_t prefix = tar_text_len(h + TAR_PREFIX, prefix_max);

	name->len = 0;
	if (prefix > 0 && (buf_append(name, h + TAR_PREFIX, prefix, e) < 0 ||
			      buf_append(name, "/", 1, e) < 0))
		return -1;
	if (buf_append(name, h + TAR_NAME,
		tar_text_len(h + TAR_NAME, TAR_NAME_LEN), e) < 0)
		return -1;
	x->path = buf_str(name);
	x->path_len = name->len;
	x->link = (const char *)h + TAR_LINK;
	x->link_len = tar_text_len(h + TAR_LINK, TAR_LINK_LEN);
	return 0;
}

static int
get_id(const uint8_t *p, uint32_t *out, const char *what, struct err *e)
{
	int64_t v;

	if (tar_number(p, TAR_ID_LEN, &v, e) < 0)
		return err_wrap(e, "%s", what);
	if (v < 0 || v > UINT32_MAX)
		return err_set(e, EBADMSG, "%s out of range", what);
	*out = v;
	return 0;
}

static int
set_numbers(struct tar_entry *x, const uint8_t *h, const struct tar_pax *p,
    struct err *e)
{
	int64_t mode;

	if (tar_number(h + TAR_MODE, TAR_ID_LEN, &mode, e) < 0)
		return err_wrap(e, "mode");
	x->mode = mode & 07777;
	if (tar_number(h + TAR_MTIME, TAR_NUMBER_LEN, &x->mtime_s, e) < 0)
		return err_wrap(e, "mtime");
	if (!p->has_uid && get_id(h + TAR_UID, &x->uid, "uid", e) < 0)
		return -1;
	if (!p->has_gid && get_id(h + TAR_GID, &x->gid, "gid", e) < 0)
		return -1;
	if (tar_dialect(h) == TAR_V7)
		return 0;
	if (get_id(h + TAR_MAJOR, &x->major, "device major", e) < 0 ||
	    get_id(h + TAR_MINOR, &x->minor, "device minor", e) < 0)
		return -1;
	return 0;
}

/* Up to its first NUL. */
static const char *
long_text(const struct buf *b, size_t *len)
{
	*len = b->len > 0 ? tar_text_len(b->data, b->len) : 0;
	return *len > 0 ? (const char *)b->data : "";
}

/* PAX over the header's own, GNU's long names over both. */
static void
apply_meta(struct tar_entry *x, const struct tar_meta *m)
{
	const struct tar_pax *p = &m->pax;

	if (p->path_len > 0) {
		x->path = p->path;
		x->path_len = p->path_len;
	}
	if (p->link_len > 0) {
		x->link = p->link;
		x->link_len = p->link_len;
	}
	if (p->has_uid)
		x->uid = p->uid;
	if (p->has_gid)
		x->gid = p->gid;
	if (p->has_mtime) {
		x->mtime_s = p->mtime_s;
		x->mtime_ns = p->mtime_ns;
	}
	x->atime = p->atime;
	x->ctime = p->ctime;
	x->xattrs = p->xattrs;
	x->n_xattrs = p->n_xattrs;
	if (m->has_long_name) {
		x->path = long_text(&m->long_name, &x->path_len);
	}
	if (m->has_long_link) {
		x->link = long_text(&m->long_link, &x->link_len);
	}
}

static int
set_size(struct tar_entry *x, const uint8_t *h, const struct tar_pax *p,
    struct err *e)
{
	int64_t size;

	if (tar_number(h + TAR_SIZE, TAR_NUMBER_LEN, &size, e) < 0)
		return err_wrap(e, "size");
	if (p->has_size)
		size = p->size;
	x->told_size = size;
	if (x->type != TAR_FILE)
		size = 0;
	if (size < 0 || (uint64_t)size > LIMIT_FILE_BYTES)
		return err_set(e, EBADMSG, "size out of range");
	x->size = size;
	return 0;
}

int
tar_entry_make(struct tar_entry *x, const uint8_t *header,
    const struct tar_meta *m, struct buf *name, struct err *e)
{
	memset(x, 0, sizeof *x);
	x->header = header;
	x->is_after_global = m->has_global;
	if (set_name(x, header, name, e) < 0 ||
	    set_numbers(x, header, &m->pax, e) < 0)
		return -1;
	apply_meta(x, m);
	if (set_type(x, header[TAR_TYPE], e) < 0)
		return -1;
	return set_size(x, header, &m->pax, e);
}
