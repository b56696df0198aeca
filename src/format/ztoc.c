#include "format/ztoc.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "format/entry.h"
#include "format/flatbuffer.h"
#include "format/format.h"
#include "format/ztoc_entry.h"
#include "format/ztoc_spans.h"
#include "codec/points.h"
#include "index/tree.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

#define ZTOC_VERSION "0.9"

enum {
	SLOT_VERSION = 0,
	SLOT_BLOB_SIZE = 2,
	SLOT_TAR_SIZE = 3,
	SLOT_TOC = 4,
	SLOT_COMPRESSION = 5,

	SLOT_METADATA = 0,
};

struct parser {
	const struct ztoc *ztoc;
	struct flatbuffer flat;
	uint64_t tar_size;
	struct ztoc_spans spans;
	struct ztoc_entry entry;
	uint64_t next_header; /* in the tar: where the entry before ended */
	uint32_t span;        /* that the last chunk lies in */
	struct contents out;
};

/* ---- contents ---- */

/* The entry's bytes from object_off on that lie in one span. */
static int
add_chunk(struct parser *p, uint64_t object_off, uint32_t *added, struct err *e)
{
	const struct ztoc_span *s = &p->spans.at[p->span];
	uint64_t tar_off = p->entry.tar_off + object_off;
	uint64_t inner_off, blob_len, len;

	while (s->tar_end <= tar_off) {
		assert(p->span + 1 < p->spans.n);
		s = &p->spans.at[++p->span];
	}
	inner_off = tar_off - s->tar_off;
	blob_len = s->blob_end - s->blob_off;
	len = min_u64(p->entry.tar.size - object_off, s->tar_end - tar_off);
	if (blob_len > LIMIT_CHUNK_BLOB_BYTES ||
	    inner_off + len > LIMIT_CHUNK_BYTES)
		return err_set(e, ENOTSUP,
		    "a span of %s is too large to be fetched alone",
		    SIZE_TEXT(max_u64(blob_len, inner_off + len)));
	*added = len;
	return map_builder_add_chunk(p->out.map,
	    &(struct chunk){
		.codec = CHUNK_SPAN,
		.blob_off = s->blob_off,
		.blob_len = blob_len,
		.object_off = object_off,
		.inner_off = inner_off,
		.len = len,
	    },
	    e);
}

/* Spans of nothing have none. */
static int
add_points(struct parser *p, struct err *e)
{
	for (uint32_t i = 0; i < p->spans.n; i++) {
		const struct ztoc_span *s = &p->spans.at[i];
		uint32_t window = min_u64(s->tar_off, ZTOC_WINDOW_BYTES);
		struct restart_point point = {
			.blob_off = s->blob_off,
			.stream_off = s->tar_off,
			.bits = s->bits,
			.is_stored = p->spans.is_plain,
			.has_digest = true,
			.digest = s->digest,
		};

		if (s->window != NULL) {
			point.window = s->window + ZTOC_WINDOW_BYTES - window;
			point.window_len = window;
		}
		if (s->tar_off < s->tar_end &&
		    points_add(p->out.points, &point, e) < 0)
			return err_wrap(e, "span %u", i);
	}
	return 0;
}

static int
add_object(struct parser *p, uint32_t *ordinal, struct err *e)
{
	uint64_t size = p->entry.tar.size;
	uint32_t added;
	bool is_new;

	if (map_builder_begin_object(
		p->out.map, NULL, size, ordinal, &is_new, e) < 0)
		return -1;
	for (uint64_t at = 0; at < size; at += added)
		if (add_chunk(p, at, &added, e) < 0)
			return -1;
	return map_builder_end_object(p->out.map, e);
}

/* ---- entries ---- */

/* Its header, and perhaps others that say more of it, lie between the end of
 * the entry before and its contents. */
static int
check_place(struct parser *p, struct err *e)
{
	const struct ztoc_entry *x = &p->entry;

	if (x->tar_off % TAR_BLOCK != 0 ||
	    x->tar_off < p->next_header + TAR_BLOCK)
		return err_set(e, EBADMSG,
		    "contents at %ju, behind an entry that ends at %ju",
		    (uintmax_t)x->tar_off, (uintmax_t)p->next_header);
	if (x->tar_off > p->tar_size || x->tar.size > p->tar_size - x->tar_off)
		return err_set(e, EBADMSG, "contents lie past the tar's end");
	p->next_header = align_up(x->tar_off + x->tar.size, TAR_BLOCK);
	return 0;
}

static int
take_entry(struct parser *p, const struct flat_table *t, struct err *e)
{
	struct ztoc_entry *x = &p->entry;
	uint32_t ordinal = 0;

	if (ztoc_entry_read(x, &p->flat, t, e) < 0 || check_place(p, e) < 0)
		return -1;
	if (entry_has_contents(&x->tar) && add_object(p, &ordinal, e) < 0)
		return -1;
	return entry_add(
	    p->out.tree, &x->tar, ordinal, &p->out.dropped_xattrs, e);
}

static int
read_entries(struct parser *p, const struct flat_table *toc, struct err *e)
{
	struct flat_vector entries = { 0 };

	if (flat_vector(&p->flat, toc, SLOT_METADATA, &entries, e) < 0)
		return -1;
	for (uint32_t i = 0; i < entries.n; i++) {
		struct flat_table t;

		if (flat_vector_table(&p->flat, &entries, i, &t, e) < 0)
			return -1;
		if (take_entry(p, &t, e) < 0)
			return entry_wrap(
			    e, p->entry.tar.path, p->entry.tar.path_len);
	}
	return tree_finish(p->out.tree, e);
}

/* ---- all of it ---- */

static int
read_head(struct parser *p, const struct flat_table *root, struct err *e)
{
	struct flat_text version = { "", 0 };
	uint64_t blob_size = 0;

	if (flat_string(&p->flat, root, SLOT_VERSION, &version, e) < 0 ||
	    flat_number(&p->flat, root, SLOT_BLOB_SIZE, 8, &blob_size, e) < 0 ||
	    flat_number(&p->flat, root, SLOT_TAR_SIZE, 8, &p->tar_size, e) < 0)
		return -1;
	if (strcmp(version.p, ZTOC_VERSION) != 0)
		return err_set(
		    e, ENOTSUP, "version \"%.20s\" is unknown", version.p);
	if (blob_size != p->ztoc->blob_size)
		return err_set(e, EBADMSG,
		    "it is of a blob of %ju bytes, not of %ju",
		    (uintmax_t)blob_size, (uintmax_t)p->ztoc->blob_size);
	if (p->tar_size > LIMIT_LAYER_BYTES)
		return err_set(e, EBADMSG, "the tar's size is out of range");
	return 0;
}

static int
parse(struct parser *p, struct err *e)
{
	struct flat_table root, toc, compression;

	if (flatbuffer_root(&p->flat, &root, e) < 0 ||
	    read_head(p, &root, e) < 0 ||
	    flat_subtable(&p->flat, &root, SLOT_TOC, &toc, e) < 0 ||
	    flat_subtable(&p->flat, &root, SLOT_COMPRESSION, &compression, e) <
		0)
		return -1;
	if (ztoc_spans_read(&p->spans, &p->flat, &compression,
		p->ztoc->blob_size, p->tar_size, e) < 0)
		return -1;
	return read_entries(p, &toc, e);
}

static int
init(struct parser *p, const struct ztoc *z, struct err *e)
{
	*p = (struct parser){ .ztoc = z };
	flatbuffer_init(&p->flat, z->bytes, z->len);
	p->out.tree = tree_new(e);
	p->out.map = p->out.tree == NULL ? NULL : map_builder_new(e);
	p->out.points = p->out.map == NULL ? NULL : points_builder_new(e);
	return p->out.points == NULL ? -1 : 0;
}

int
ztoc_parse(const struct ztoc *z, struct contents *out, struct err *e)
{
	struct parser p;
	int rc =
	    init(&p, z, e) < 0 || parse(&p, e) < 0 || add_points(&p, e) < 0;

	if (rc == 0) {
		*out = p.out;
		p.out = (struct contents){ 0 };
	}
	ztoc_spans_release(&p.spans);
	ztoc_entry_release(&p.entry);
	contents_release(&p.out);
	return rc == 0 ? 0 : -1;
}
