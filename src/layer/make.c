/* Making a layer: a table of contents read and parsed, or the whole blob
 * streamed, then tree and map written.
 *
 *	locate -> read table -> parse \
 *	                               place -> write the files -> commit
 *	stream (contents stored)      /
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "layer/distrust.h"
#include "layer/files.h"
#include "layer/layer.h"
#include "layer/restarts.h"
#include "layer/seal.h"
#include "fetch/fetch.h"
#include "format/format.h"
#include "registry/source.h"
#include "index/tree.h"
#include "index/writer.h"
#include "store/map.h"
#include "store/store.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

static const char no_table[] = "the manifest vouches for no table of contents";

/* What was understood of the blob. */
struct understood {
	struct contents contents;
	const char *format;
	char reason[96];
	const struct digest *table; /* NULL: none beside the image */
};

static void
understood_release(struct understood *u)
{
	contents_release(&u->contents);
	*u = (struct understood){ 0 };
}

/* Where a table is read, and whose bytes came. */
struct origin {
	const struct descriptor *blob;
	struct source *source;
	struct source_part part;
};

static int
read_part(struct origin *o, uint64_t off, uint64_t len, struct buf *out,
    struct err *e)
{
	out->len = 0;
	o->part.off = off;
	o->part.len = len;
	if (source_read_all(o->source, &o->part, out, e) == 0)
		return 0;
	return err_wrap(
	    e, "bytes %ju to %ju", (uintmax_t)off, (uintmax_t)(off + len));
}

static int
find_in_tail(struct origin *o, const struct format *f, struct toc_place *place,
    struct buf *tail, struct err *e)
{
	uint64_t size = o->blob->size;
	uint64_t n = min_u64(f->tail_bytes, size);

	if (buf_reserve(tail, n, e) < 0 ||
	    read_part(o, size - n, n, tail, e) < 0)
		return -1;
	return f->locate_in_tail(o->blob, tail->data, tail->len, place, e);
}

/* The table's bytes: as a rule the tail that was read has all of them, which
 * saves a round trip. */
static int
obtain_table(struct origin *o, const struct toc_place *place, struct buf *bytes,
    const uint8_t **table, struct err *e)
{
	uint64_t size = o->blob->size;
	uint64_t have_from = size - bytes->len;

	if (place->blob_off >= have_from && place->blob_off <= size &&
	    place->blob_len <= size - place->blob_off) {
		*table = bytes->data + (place->blob_off - have_from);
		return 0;
	}
	if (read_part(o, place->blob_off, place->blob_len, bytes, e) < 0)
		return -1;
	*table = bytes->data;
	return 0;
}

/* Where the table is, as far as the manifest says it, or who found it. */
struct told {
	const struct format *format;
	const struct descriptor *blob; /* that it lies in */
	struct source *source;         /* NULL: of the layer */
	struct toc_place place;
	bool is_in_tail;
};

static int
read_table(const struct layer_making *m, struct origin *o, const struct told *t,
    struct contents *out, struct err *e)
{
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_TOC_COMPRESSED_BYTES);
	const struct format *f = t->format;
	struct toc_place place = t->place;
	const uint8_t *table;

	if (t->is_in_tail && find_in_tail(o, f, &place, &bytes, e) < 0)
		return err_wrap(e, "%s footer", f->name);
	if (obtain_table(o, &place, &bytes, &table, e) < 0 ||
	    f->parse(m->descriptor, &place, table, place.blob_len, out, e) < 0)
		return err_wrap(e, "%s table of contents", f->name);
	if (restarts_check(out, m->descriptor->size, e) == 0)
		return 0;
	contents_release(out);
	return err_wrap(e, "%s table of contents", f->name);
}

/* From the first source that gives the right one; of a source's hosts that gave
 * a wrong one the others are asked. */
static int
find_table(const struct layer_making *m, const struct told *t,
    struct contents *out, struct err *e)
{
	struct source *const *sources =
	    t->source != NULL ? &t->source : m->sources;
	unsigned n = t->source != NULL ? 1 : m->n_sources;

	err_set(e, ENOENT, "no source for the blob");
	for (unsigned i = 0; i < n; i++) {
		struct origin o = { .blob = t->blob,
			.source = sources[i],
			.part = { .blob = &t->blob->digest,
			    .blob_size = t->blob->size } };

		do
			if (read_table(m, &o, t, out, e) == 0)
				return 0;
		while (e->code == EBADMSG && source_part_reject(&o.part));
	}
	return -1;
}

/* ENOTSUP where the layer is too large to be read whole. */
static int
check_whole(const struct layer_making *m, const char *reason, struct err *e)
{
	uint64_t size = m->descriptor->size;

	if (m->whole_max_bytes == 0 || size <= m->whole_max_bytes)
		return 0;
	return err_set(e, ENOTSUP, "%.200s, and %s is over whole_layer_bytes",
	    reason, SIZE_TEXT(size));
}

static int
stream_blob(const struct layer_making *m, struct understood *out, struct err *e)
{
	struct stream_pull pull = {
		.fetcher = m->fetcher,
		.sources = m->sources,
		.n_sources = m->n_sources,
		.layer = m->descriptor,
		.diff_id = m->diff_id,
		.patience_ms = m->patience_ms,
		.on_progress = m->on_progress,
		.ctx = m->ctx,
	};

	return fetch_stream(&pull, &out->contents, &out->format, e);
}

static int
use_table(const struct layer_making *m, const struct told *t,
    struct understood *out, struct err *e)
{
	if (find_table(m, t, &out->contents, e) < 0)
		return -1;
	out->format = t->format->name;
	return store_place(m->store, out->contents.map, e);
}

/* By a table beside the image. */
static int
use_table_beside(
    const struct layer_making *m, struct understood *out, struct err *e)
{
	const struct layer_table *table = m->table;
	struct told t = {
		.format = table->format,
		.blob = table->blob,
		.source = table->source,
		.place = { .blob_len = table->blob->size,
		    .digest = table->blob->digest,
		    .digest_is_of_blob = true },
	};

	char why[DISTRUST_WHY_SIZE];

	if (distrust_find(m->store, &table->blob->digest, why))
		return err_set(e, EBADMSG, "its index lied: %s", why);
	out->table = &table->blob->digest;
	return use_table(m, &t, out, e);
}

/* Whole, for `reason`. */
static int
read_whole(const struct layer_making *m, const char *reason,
    struct understood *out, struct err *e)
{
	if (check_whole(m, reason, e) < 0)
		return -1;
	snprintf(out->reason, sizeof out->reason, "%.95s", reason);
	return stream_blob(m, out, e);
}

static const char *
reason_of(const struct layer_making *m)
{
	return m->table_reason != NULL && *m->table_reason != 0
		   ? m->table_reason
		   : no_table;
}

static int
understand(const struct layer_making *m, struct understood *out, struct err *e)
{
	enum locate_result where;
	struct told t = { .blob = m->descriptor };
	struct err why = ERR_INIT;

	t.format = format_locate(m->descriptor, &t.place, &where, e);
	if (where == LOCATE_FAILED)
		return -1;
	t.is_in_tail = where == LOCATE_TAIL;
	if (t.format != NULL)
		return use_table(m, &t, out, e);
	if (m->table == NULL)
		return read_whole(m, reason_of(m), out, e);
	if (use_table_beside(m, out, &why) == 0)
		return 0;
	log_warn("layer %s: its table %s is of no use: %s",
	    DIGEST_TEXT(&m->descriptor->digest),
	    DIGEST_TEXT(&m->table->blob->digest), why.msg);
	understood_release(out);
	return read_whole(m, why.msg, out, e);
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
	if (u->table != NULL)
		doc_set_string(info, "table", DIGEST_TEXT(u->table));
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
	    restarts_write(&w, &u->contents, &d->digest, e) < 0 ||
	    write_index(&w, u, &d->digest, e) < 0 || write_info(&w, u, e) < 0)
		return -1;
	return draft_commit(&w, FILES_LAYERS, &d->digest, e);
}

const char *
layer_foresee(
    const struct descriptor *d, const struct layer_table *table, struct err *e)
{
	enum locate_result where;
	struct toc_place place;
	const struct format *f = format_locate(d, &place, &where, e);

	if (where == LOCATE_NONE && table != NULL)
		return table->format->name;
	if (where == LOCATE_NONE)
		err_set(e, ENOTSUP, "%s", no_table);
	return f == NULL ? NULL : f->name;
}

int
layer_check_making(const struct layer_making *m, struct err *e)
{
	if (m->whole_max_bytes == 0 ||
	    m->descriptor->size <= m->whole_max_bytes ||
	    layer_foresee(m->descriptor, m->table, e) != NULL)
		return 0;
	return e->code == ENOTSUP ? check_whole(m, no_table, e) : -1;
}

static void
tell_made(const struct digest *d, const struct understood *u, uint64_t begun_ns)
{
	char inodes[24], ms[24];

	snprintf(inodes, sizeof inodes, "%ju",
	    (uintmax_t)tree_inodes(u->contents.tree));
	snprintf(ms, sizeof ms, "%ju",
	    (uintmax_t)((clock_now_ns() - begun_ns) / NS_PER_MS));
	log_event(LOG_LEVEL_INFO, LOG_EVENT_layer_made,
	    LOG_FIELDS({ "layer", DIGEST_TEXT(d) }, { "format", u->format },
		{ "inodes", inodes }, { "milliseconds", ms }),
	    "layer %s is there: %s, %s inodes, %s ms", DIGEST_TEXT(d),
	    u->format, inodes, ms);
}

int
layer_make(const struct layer_making *m, struct err *e)
{
	CLEANUP(understood_release) struct understood u = { 0 };
	uint64_t begun_ns = clock_now_ns();

	if (understand(m, &u, e) < 0 || write_layer(m, &u, e) < 0)
		return err_wrap(
		    e, "layer %s", DIGEST_TEXT(&m->descriptor->digest));
	tell_made(&m->descriptor->digest, &u, begun_ns);
	return 0;
}
