#include "codec/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/tar_entry.h"
#include "codec/tar_header.h"
#include "codec/tar_meta.h"
#include "codec/tar_sparse.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

enum state {
	AT_HEADER,     /* block[] collects a header */
	AT_META,       /* `meta` collects an extended header's contents */
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

	struct tar_meta meta;

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
	buf_init(&t->name, LIMIT_PATH_BYTES);
	tar_meta_init(&t->meta);
	tar_sparse_init(&t->sparse);
	return t;
}

void
tar_free(struct tar *t)
{
	if (t == NULL)
		return;
	buf_release(&t->name);
	tar_meta_release(&t->meta);
	tar_sparse_release(&t->sparse);
	free(t);
}

/* ---- an entry's header ---- */

/* Everything about the entry is known. */
static int
begin_entry(struct tar *t, struct tar_sink *sink, struct err *e)
{
	if (tar_sparse_check(&t->sparse, t->stored, t->entry.size, e) < 0)
		return -1;
	t->entry.is_sparse = t->sparse.is_sparse;
	/* This block is the header's last. */
	t->entry.stream_off = align_down(t->stream_off, TAR_BLOCK) + TAR_BLOCK;
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
	const struct tar_pax *p = &t->meta.pax;

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
	if (t->meta.pax.sparse != PAX_NOT_SPARSE && t->entry.type == TAR_FILE)
		return begin_pax_sparse(t, sink, e);
	return begin_entry(t, sink, e);
}

static int
take_meta_header(struct tar *t, uint8_t type, struct err *e)
{
	int64_t size;

	if (tar_number(t->block + TAR_SIZE, TAR_NUMBER_LEN, &size, e) < 0 ||
	    size < 0)
		return err_set(e, EBADMSG, "size is damaged");
	if (tar_meta_begin(&t->meta, type, size, e) < 0)
		return -1;
	t->padding = align_up(size, TAR_BLOCK) - size;
	t->state = AT_META;
	return 0;
}

static int
take_header(struct tar *t, struct tar_sink *sink, struct err *e)
{
	uint8_t type = t->block[TAR_TYPE];

	if (tar_is_zero_block(t->block)) {
		if (++t->zero_blocks == 2)
			t->state = AT_END;
		return 0;
	}
	if (t->zero_blocks > 0)
		return err_set(e, EBADMSG, "header after a block of zeros");
	if (!tar_checksum_ok(t->block))
		return err_set(e, EBADMSG, "header's checksum is wrong");
	if (tar_meta_is_type(type))
		return take_meta_header(t, type, e);
	memcpy(t->header, t->block, TAR_BLOCK);
	tar_sparse_clear(&t->sparse);
	if (tar_entry_make(&t->entry, t->header, &t->meta, &t->name, e) < 0)
		return -1;
	t->stored = t->entry.size;
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

/* What is not stored of the file, up to there. */
static int
pass_hole(struct tar *t, struct tar_sink *sink, uint64_t to, struct err *e)
{
	uint64_t n = to - t->at;

	if (t->at >= to)
		return 0;
	t->at = to;
	return sink->hole != NULL ? sink->hole(sink, n, e) : 0;
}

/* How many bytes of the file lie together here; passes holes on the way. */
static int
next_run(struct tar *t, struct tar_sink *sink, uint64_t *run, struct err *e)
{
	uint64_t start, end;

	*run = t->stored_left;
	while (tar_sparse_segment(&t->sparse, t->segment, &start, &end)) {
		if (pass_hole(t, sink, start, e) < 0)
			return -1;
		*run = end - t->at;
		if (*run > 0)
			return 0;
		t->segment++;
		*run = 0;
	}
	return *run == 0 ? pass_hole(t, sink, t->entry.size, e) : 0;
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
		tar_meta_forget(&t->meta);
		t->state = AT_PADDING;
		return sink->end != NULL ? sink->end(sink, &t->entry, e) : 0;
	}
	*n = min_u64(*n, run);
	if (*n > 0 && sink->data != NULL &&
	    sink->data(sink, t->stream_off, p, *n, e) < 0)
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
		*n = min_u64(*n, t->meta.left);
		if (tar_meta_feed(&t->meta, p, *n, e) < 0)
			return -1;
		if (t->meta.left == 0)
			t->state = AT_PADDING;
		return 0;
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
	/* The last file's padding says nothing: Go does not miss it either. */
	bool is_complete = t->state == AT_PADDING ||
			   (t->state == AT_HEADER && t->block_len == 0);

	if (t->state != AT_END && (tar_meta_is_owed(&t->meta) || !is_complete))
		return err_set(e, EBADMSG, "tar is cut off at %llu",
		    (unsigned long long)t->stream_off);
	return 0;
}
