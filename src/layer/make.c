/* Making a layer: a table of contents read and parsed, or the whole blob
 * streamed, then tree and map written.
 *
 *	locate -> read table -> parse \
 *	                               place -> write index, map, info -> commit
 *	stream (contents stored)      /
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "layer/files.h"
#include "layer/layer.h"
#include "layer/seal.h"
#include "fetch/fetch.h"
#include "format/format.h"
#include "registry/source.h"
#include "index/tree.h"
#include "index/writer.h"
#include "store/map.h"
#include "store/store.h"
#include "base/descriptor.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

static const char no_table[] = "the manifest vouches for no table of contents";

/* What was understood of the blob. */
struct understood {
	struct contents contents;
	const char *format;
	const char *reason;
};

static void
understood_release(struct understood *u)
{
	contents_release(&u->contents);
}

/* A part of the blob, from the first source that gives it. */
static int
read_part(const struct layer_making *m, uint64_t off, uint64_t len,
    struct buf *out, struct err *e)
{
	err_set(e, ENOENT, "no source for the blob");
	for (unsigned i = 0; i < m->n_sources; i++) {
		out->len = 0;
		if (source_read_all(m->sources[i], &m->descriptor->digest,
			m->descriptor->size, off, len, out, e) == 0)
			return 0;
	}
	return err_wrap(
	    e, "bytes %ju to %ju", (uintmax_t)off, (uintmax_t)(off + len));
}

static int
find_in_tail(const struct layer_making *m, const struct format *f,
    struct toc_place *place, struct buf *tail, struct err *e)
{
	uint64_t size = m->descriptor->size;
	uint64_t n = min_u64(f->tail_bytes, size);

	if (buf_reserve(tail, n, e) < 0 ||
	    read_part(m, size - n, n, tail, e) < 0)
		return -1;
	return f->locate_in_tail(
	    m->descriptor, tail->data, tail->len, place, e);
}

/* The table's bytes: as a rule the tail that was read has all of them, which
 * saves a round trip. */
static int
obtain_table(const struct layer_making *m, const struct toc_place *place,
    struct buf *bytes, const uint8_t **table, struct err *e)
{
	uint64_t size = m->descriptor->size;
	uint64_t have_from = size - bytes->len;

	if (place->blob_off >= have_from && place->blob_off <= size &&
	    place->blob_len <= size - place->blob_off) {
		*table = bytes->data + (place->blob_off - have_from);
		return 0;
	}
	if (read_part(m, place->blob_off, place->blob_len, bytes, e) < 0)
		return -1;
	*table = bytes->data;
	return 0;
}

static int
read_table(const struct layer_making *m, const struct format *f,
    struct toc_place *place, bool is_in_tail, struct understood *out,
    struct err *e)
{
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_TOC_COMPRESSED_BYTES);
	const uint8_t *table;

	if (is_in_tail && find_in_tail(m, f, place, &bytes, e) < 0)
		return err_wrap(e, "%s footer", f->name);
	if (obtain_table(m, place, &bytes, &table, e) < 0 ||
	    f->parse(m->descriptor, place, table, place->blob_len,
		&out->contents, e) < 0)
		return err_wrap(e, "%s table of contents", f->name);
	out->format = f->name;
	out->reason = "";
	return store_place(m->store, out->contents.map, e);
}

static int
stream_blob(const struct layer_making *m, struct understood *out, struct err *e)
{
	struct digest diff_id;
	struct stream_pull pull = {
		.fetcher = m->fetcher,
		.sources = m->sources,
		.n_sources = m->n_sources,
		.layer = m->descriptor,
		.patience_ms = m->patience_ms,
		.on_progress = m->on_progress,
		.ctx = m->ctx,
	};

	if (m->diff_id != NULL) {
		if (m->diff_id(m->ctx, &diff_id, e) < 0)
			return -1;
		pull.diff_id = &diff_id;
	}
	out->reason = no_table;
	return fetch_stream(&pull, &out->contents, &out->format, e);
}

static int
understand(const struct layer_making *m, struct understood *out, struct err *e)
{
	enum locate_result where;
	struct toc_place place = { 0 };
	const struct format *f =
	    format_locate(m->descriptor, &place, &where, e);

	if (where == LOCATE_FAILED)
		return -1;
	if (f == NULL)
		return stream_blob(m, out, e);
	return read_table(m, f, &place, where == LOCATE_TAIL, out, e);
}

/* ---- writing ---- */

static uint64_t
object_place(void *ctx, uint64_t content)
{
	const struct object *objects = ctx;

	return objects[content].data_off;
}

static int
write_index(struct draft *w, const struct understood *u, const struct digest *d,
    struct err *e)
{
	AUTO_CLOSE int fd = draft_create(w, "index", e);
	uint32_t n;
	struct object *objects = map_builder_objects(u->contents.map, &n);
	struct index_options o = { .data_off = object_place, .ctx = objects };

	if (fd < 0)
		return -1;
	memcpy(o.uuid, d->bytes, sizeof o.uuid);
	for (uint32_t i = 0; i < n; i++)
		o.data_blocks +=
		    align_up(objects[i].size, STORE_BLOCK) / STORE_BLOCK;
	if (index_write(u->contents.tree, &o, fd, e) < 0)
		return -1;
	return seal_index(w, fd, e);
}

static int
write_info(struct draft *w, const struct understood *u, struct err *e)
{
	AUTO_CLOSE int fd = draft_create(w, "info", e);
	AUTO_DOC struct doc *info = doc_new_object();
	AUTO_FREE char *text = NULL;

	if (fd < 0)
		return -1;
	doc_set_string(info, "format", u->format);
	doc_set_string(info, "reason", u->reason);
	text = doc_to_json(info, false);
	return fs_pwrite(fd, text, strlen(text), 0, e);
}

static int
write_layer(
    const struct layer_making *m, const struct understood *u, struct err *e)
{
	const struct descriptor *d = m->descriptor;
	AUTO_DRAFT struct draft w = { .dir = -1 };
	AUTO_CLOSE int map = -1;

	if (draft_begin(&w, m->store, e) < 0)
		return -1;
	map = draft_create(&w, "map", e);
	if (map < 0 ||
	    map_write(u->contents.map, &d->digest, d->size, map, e) < 0 ||
	    write_index(&w, u, &d->digest, e) < 0 || write_info(&w, u, e) < 0)
		return -1;
	return draft_commit(&w, FILES_LAYERS, &d->digest, e);
}

const char *
layer_foresee(const struct descriptor *d, struct err *e)
{
	enum locate_result where;
	struct toc_place place;
	const struct format *f = format_locate(d, &place, &where, e);

	if (where == LOCATE_NONE)
		err_set(e, ENOTSUP, "%s", no_table);
	return f == NULL ? NULL : f->name;
}

int
layer_check_making(const struct layer_making *m, struct err *e)
{
	uint64_t size = m->descriptor->size;

	if (m->whole_max_bytes == 0 || size <= m->whole_max_bytes ||
	    layer_foresee(m->descriptor, e) != NULL)
		return 0;
	if (e->code != ENOTSUP)
		return -1;
	return err_set(e, ENOTSUP, "%s, and %s is over whole_layer_bytes",
	    no_table, SIZE_TEXT(size));
}

int
layer_make(const struct layer_making *m, struct err *e)
{
	CLEANUP(understood_release) struct understood u = { 0 };

	if (understand(m, &u, e) < 0 || write_layer(m, &u, e) < 0)
		return err_wrap(
		    e, "layer %s", DIGEST_TEXT(&m->descriptor->digest));
	return 0;
}
