#include "codec/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/tar_header.h"
#include "codec/tar_pax.h"
#include "codec/tar_sparse.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

enum state {
	AT_HEADER,     /* block[] collects a header */
	AT_META,       /* `meta` collects the contents of an L, K, x or g */
	AT_EXTENSION,  /* block[] collects a continuation of an S header */
	AT_SPARSE_MAP, /* block[] collects a block of a PAX 1.0 map */
	AT_DATA,
	AT_PADDING,
	AT_END, /* of the archive: the rest is not looked at */
};

struct tar {
	enum state state;
	uint64_t stream_off;
	uint8_t block[TAR_BLOCK];
	size_t block_len;
	unsigned zero_blocks;
	uint64_t padding; /* after the current contents */

	/* An extended header's contents, and where they go. */
	struct buf *meta;
	uint64_t meta_left;
	uint8_t meta_type;
	struct buf long_name, long_link, pax_text, ignored;
	bool has_long_name, has_long_link;
	struct tar_pax pax; /* of the next entry; points into pax_text */

	/* The entry. */
	struct tar_entry entry;
	struct buf name; /* prefix/name of a ustar header */
	uint8_t header[TAR_BLOCK];
	struct tar_sparse sparse;
	uint64_t stored; /* bytes of it that the stream holds */
	uint64_t stored_left;
	uint64_t at; /* of size */
	uint32_t segment;
};

struct tar *
tar_new(struct err *e)
{
	struct tar *t = calloc(1, sizeof *t);

	if (t == NULL) {
		err_set(e, ENOMEM, "tar: out of memory");
		return NULL;
	}
	buf_init(&t->long_name, LIMIT_PATH_BYTES + TAR_BLOCK);
	buf_init(&t->long_link, LIMIT_PATH_BYTES + TAR_BLOCK);
	buf_init(&t->name, LIMIT_PATH_BYTES);
	buf_init(&t->pax_text, LIMIT_PAX_BYTES);
	buf_init(&t->ignored, LIMIT_PAX_BYTES);
	tar_pax_init(&t->pax);
	tar_sparse_init(&t->sparse);
	return t;
}

void
tar_free(struct tar *t)
{
	if (t == NULL)
		return;
	buf_release(&t->long_name);
	buf_release(&t->long_link);
	buf_release(&t->name);
	buf_release(&t->pax_text);
	buf_release(&t->ignored);
	tar_pax_release(&t->pax);
	tar_sparse_release(&t->sparse);
	free(t);
}

/* ---- extended headers ---- */

static int
begin_meta(struct tar *t, uint8_t type, uint64_t size, struct err *e)
{
	t->meta = type == 'L'   ? &t->long_name
		  : type == 'K' ? &t->long_link
		  : type == 'x' ? &t->pax_text
				: &t->ignored;
	if (size > t->meta->max)
		return err_set(e, EBADMSG,
		    "extended header '%c' of %llu bytes is too large", type,
		    (unsigned long long)size);
	t->meta->len = 0;
	t->meta_type = type;
	t->meta_left = size;
	t->padding = align_up(size, TAR_BLOCK) - size;
	t->state = AT_META;
	return 0;
}

static int
end_meta(struct tar *t, struct err *e)
{
	struct tar_pax unused;
	int rc = 0;

	switch (t->meta_type) {
	case 'L':
		t->has_long_name = true;
		break;
	case 'K':
		t->has_long_link = true;
		break;
	case 'x':
		rc = tar_pax_parse(&t->pax, &t->pax_text, e);
		break;
	case 'g':
		tar_pax_init(&unused);
		rc = tar_pax_parse(&unused, &t->ignored, e);
		tar_pax_release(&unused);
		break;
	}
	t->state = AT_PADDING;
	return rc;
}

/* What extended headers said is for one entry. */
static void
forget_meta(struct tar *t)
{
	t->has_long_name = t->has_long_link = false;
	tar_pax_clear(&t->pax);
}

/* ---- an entry's header ---- */

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
set_name(struct tar *t, struct err *e)
{
	const uint8_t *h = t->header;
	enum tar_dialect dialect = tar_dialect(h);
	size_t prefix_max = dialect == TAR_USTAR  ? TAR_PREFIX_LEN
			    : dialect == TAR_STAR ? TAR_STAR_PREFIX_LEN
						  : 0;
	size_t prefix = tar_text_len(h + TAR_PREFIX, prefix_max);

	t->name.len = 0;
	if (prefix > 0 &&
	    (buf_append(&t->name, h + TAR_PREFIX, prefix, e) < 0 ||
		buf_append(&t->name, "/", 1, e) < 0))
		return -1;
	if (buf_append(&t->name, h + TAR_NAME,
		tar_text_len(h + TAR_NAME, TAR_NAME_LEN), e) < 0)
		return -1;
	t->entry.path = buf_str(&t->name);
	t->entry.path_len = t->name.len;
	t->entry.link = (const char *)h + TAR_LINK;
	t->entry.link_len = tar_text_len(h + TAR_LINK, TAR_LINK_LEN);
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
set_numbers(struct tar *t, struct err *e)
{
	const uint8_t *h = t->header;
	struct tar_entry *x = &t->entry;
	int64_t mode;

	if (tar_number(h + TAR_MODE, TAR_ID_LEN, &mode, e) < 0)
		return err_wrap(e, "mode");
	x->mode = mode & 07777;
	if (tar_number(h + TAR_MTIME, TAR_NUMBER_LEN, &x->mtime_s, e) < 0)
		return err_wrap(e, "mtime");
	if (!t->pax.has_uid && get_id(h + TAR_UID, &x->uid, "uid", e) < 0)
		return -1;
	if (!t->pax.has_gid && get_id(h + TAR_GID, &x->gid, "gid", e) < 0)
		return -1;
	if (tar_dialect(h) == TAR_V7)
		return 0;
	if (get_id(h + TAR_MAJOR, &x->major, "device major", e) < 0 ||
	    get_id(h + TAR_MINOR, &x->minor, "device minor", e) < 0)
		return -1;
	return 0;
}

/* PAX over the header's own, GNU's long names over both. */
static void
apply_meta(struct tar *t)
{
	struct tar_entry *x = &t->entry;
	const struct tar_pax *p = &t->pax;

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
	x->xattrs = p->xattrs;
	x->n_xattrs = p->n_xattrs;
	if (t->has_long_name) {
		x->path = buf_str(&t->long_name);
		x->path_len = strlen(x->path);
	}
	if (t->has_long_link) {
		x->link = buf_str(&t->long_link);
		x->link_len = strlen(x->link);
	}
}

static int
set_size(struct tar *t, struct err *e)
{
	int64_t size;

	if (tar_number(t->header + TAR_SIZE, TAR_NUMBER_LEN, &size, e) < 0)
		return err_wrap(e, "size");
	if (t->pax.has_size)
		size = t->pax.size;
	if (t->entry.type != TAR_FILE)
		size = 0;
	if (size < 0 || (uint64_t)size > LIMIT_FILE_BYTES)
		return err_set(e, EBADMSG, "size out of range");
	t->stored = size;
	t->entry.size = size;
	return 0;
}

/* Everything about the entry is known. */
static int
begin_entry(struct tar *t, struct tar_sink *sink, struct err *e)
{
	if (tar_sparse_check(&t->sparse, t->stored, t->entry.size, e) < 0)
		return -1;
	t->entry.is_sparse = t->sparse.is_sparse;
	t->stored_left = t->stored;
	t->at = 0;
	t->segment = 0;
	t->state = AT_DATA;
	return sink->entry(sink, &t->entry, e);
}

/* GNU's own way: pairs in the header, more in blocks that follow it. */
static int
begin_old_sparse(struct tar *t, struct tar_sink *sink, struct err *e)
{
	const uint8_t *h = t->header;
	int64_t size;

	if (tar_dialect(h) != TAR_GNU)
		return err_set(e, EBADMSG, "sparse file in a tar not GNU's");
	if (tar_number(h + TAR_GNU_REAL_SIZE, TAR_NUMBER_LEN, &size, e) < 0 ||
	    size < 0)
		return err_set(e, EBADMSG, "sparse size is damaged");
	t->entry.size = size;
	if (tar_sparse_add_pairs(
		&t->sparse, h + TAR_GNU_SPARSE, TAR_GNU_PAIRS, e) < 0)
		return -1;
	if (h[TAR_GNU_IS_EXTENDED] == 0)
		return begin_entry(t, sink, e);
	t->state = AT_EXTENSION;
	return 0;
}

static int
begin_pax_sparse(struct tar *t, struct tar_sink *sink, struct err *e)
{
	const struct tar_pax *p = &t->pax;

	if (p->has_sparse_size)
		t->entry.size = p->sparse_size;
	if (p->sparse_name_len > 0) {
		t->entry.path = p->sparse_name;
		t->entry.path_len = p->sparse_name_len;
	}
	if (p->sparse == PAX_SPARSE_1) {
		tar_sparse_begin_text(&t->sparse);
		t->state = AT_SPARSE_MAP;
		return 0;
	}
	if (tar_sparse_take_pax(&t->sparse, p, e) < 0)
		return -1;
	return begin_entry(t, sink, e);
}

static int
begin_contents(struct tar *t, struct tar_sink *sink, struct err *e)
{
	if (t->header[TAR_TYPE] == 'S')
		return begin_old_sparse(t, sink, e);
	if (t->pax.sparse != PAX_NOT_SPARSE && t->entry.type == TAR_FILE)
		return begin_pax_sparse(t, sink, e);
	return begin_entry(t, sink, e);
}

static int
take_header(struct tar *t, struct tar_sink *sink, struct err *e)
{
	uint8_t type = t->block[TAR_TYPE];
	int64_t size;

	if (tar_is_zero_block(t->block)) {
		if (++t->zero_blocks == 2)
			t->state = AT_END;
		return 0;
	}
	if (t->zero_blocks > 0)
		return err_set(e, EBADMSG, "header after a block of zeros");
	if (!tar_checksum_ok(t->block))
		return err_set(e, EBADMSG, "header's checksum is wrong");
	if (type == 'L' || type == 'K' || type == 'x' || type == 'g') {
		if (tar_number(t->block + TAR_SIZE, TAR_NUMBER_LEN, &size, e) <
			0 ||
		    size < 0)
			return err_set(e, EBADMSG, "size is damaged");
		return begin_meta(t, type, size, e);
	}
	memcpy(t->header, t->block, TAR_BLOCK);
	memset(&t->entry, 0, sizeof t->entry);
	tar_sparse_clear(&t->sparse);
	if (set_name(t, e) < 0)
		return -1;
	if (set_numbers(t, e) < 0)
		return -1;
	apply_meta(t);
	if (set_type(&t->entry, type, e) < 0 || set_size(t, e) < 0)
		return -1;
	t->padding = align_up(t->stored, TAR_BLOCK) - t->stored;
	return begin_contents(t, sink, e);
}

/* ---- the stream ---- */

/* One block of a PAX 1.0 map, which lies at the head of the stored bytes. */
static int
take_map_block(struct tar *t, struct tar_sink *sink, struct err *e)
{
	bool is_complete;

	if (t->stored < TAR_BLOCK)
		return err_set(e, EBADMSG, "sparse map is cut off");
	t->stored -= TAR_BLOCK;
	if (tar_sparse_add_text(&t->sparse, t->block, &is_complete, e) < 0)
		return -1;
	return is_complete ? begin_entry(t, sink, e) : 0;
}

static int
take_extension(struct tar *t, struct tar_sink *sink, struct err *e)
{
	if (tar_sparse_add_pairs(&t->sparse, t->block, TAR_EXTENSION_PAIRS, e) <
	    0)
		return -1;
	if (t->block[TAR_EXTENSION_IS_EXTENDED] != 0)
		return 0;
	return begin_entry(t, sink, e);
}

/* States that work on whole blocks. */
static int
feed_block(struct tar *t, const uint8_t *p, size_t n, struct tar_sink *sink,
    struct err *e)
{
	memcpy(t->block + t->block_len, p, n);
	t->block_len += n;
	if (t->block_len < TAR_BLOCK)
		return 0;
	t->block_len = 0;
	if (t->state == AT_HEADER)
		return take_header(t, sink, e);
	if (t->state == AT_EXTENSION)
		return take_extension(t, sink, e);
	return take_map_block(t, sink, e);
}

static int
feed_meta(struct tar *t, const uint8_t *p, size_t n, struct err *e)
{
	if (buf_append(t->meta, p, n, e) < 0)
		return -1;
	t->meta_left -= n;
	return t->meta_left > 0 ? 0 : end_meta(t, e);
}

/* How many bytes of the file lie together here; passes holes on the way. */
static int
next_run(struct tar *t, struct tar_sink *sink, uint64_t *run, struct err *e)
{
	uint64_t start, end;

	*run = t->stored_left;
	while (tar_sparse_segment(&t->sparse, t->segment, &start, &end)) {
		if (t->at < start && sink->hole(sink, start - t->at, e) < 0)
			return -1;
		if (t->at < start)
			t->at = start;
		*run = end - t->at;
		if (*run > 0)
			return 0;
		t->segment++;
		*run = 0;
	}
	if (*run == 0 && t->at < t->entry.size) {
		if (sink->hole(sink, t->entry.size - t->at, e) < 0)
			return -1;
		t->at = t->entry.size;
	}
	return 0;
}

/* Gives what it can of n bytes; *used of them. */
static int
feed_data(struct tar *t, const uint8_t *p, size_t *n, struct tar_sink *sink,
    struct err *e)
{
	uint64_t run;

	if (next_run(t, sink, &run, e) < 0)
		return -1;
	if (run == 0) {
		*n = 0;
		forget_meta(t);
		t->state = AT_PADDING;
		return sink->end(sink, &t->entry, e);
	}
	*n = min_u64(*n, run);
	if (*n > 0 && sink->data(sink, t->stream_off, p, *n, e) < 0)
		return -1;
	t->at += *n;
	t->stored_left -= *n;
	return 0;
}

/* Takes some of *n bytes and says how many. */
static int
feed_some(struct tar *t, const uint8_t *p, size_t *n, struct tar_sink *sink,
    struct err *e)
{
	switch (t->state) {
	case AT_HEADER:
	case AT_EXTENSION:
	case AT_SPARSE_MAP:
		*n = min_u64(*n, TAR_BLOCK - t->block_len);
		return feed_block(t, p, *n, sink, e);
	case AT_META:
		*n = min_u64(*n, t->meta_left);
		return feed_meta(t, p, *n, e);
	case AT_DATA:
		return feed_data(t, p, n, sink, e);
	case AT_PADDING:
		*n = min_u64(*n, t->padding);
		t->padding -= *n;
		if (t->padding == 0)
			t->state = AT_HEADER;
		return 0;
	case AT_END:
		break;
	}
	return 0;
}

int
tar_feed(struct tar *t, const void *p, size_t n, struct tar_sink *sink,
    struct err *e)
{
	const uint8_t *at = p;

	/* An entry without contents is complete without another byte. */
	while (n > 0 || t->state == AT_DATA) {
		size_t used = n;
		enum state before = t->state;

		if (feed_some(t, at, &used, sink, e) < 0)
			return err_wrap(e, "tar at %llu",
			    (unsigned long long)t->stream_off);
		at += used;
		n -= used;
		t->stream_off += used;
		if (n == 0 && before == AT_DATA && t->state == AT_DATA &&
		    used == 0)
			break;
	}
	return 0;
}

int
tar_end(const struct tar *t, struct err *e)
{
	bool is_owed = t->has_long_name || t->has_long_link || t->pax.is_set;
	/* The last file's padding says nothing: Go does not miss it either. */
	bool is_complete = t->state == AT_PADDING ||
			   (t->state == AT_HEADER && t->block_len == 0);

	if (t->state != AT_END && (is_owed || !is_complete))
		return err_set(e, EBADMSG, "tar is cut off at %llu",
		    (unsigned long long)t->stream_off);
	return 0;
}
