#include "fetch/piece.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/demand.h"
#include "fetch/fetcher.h"
#include "fetch/inflight.h"
#include "codec/decode.h"
#include "codec/points.h"
#include "store/store.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/limits.h"

/* A decoder that had to make more is not kept: its window stays as large. */
#define KEEP_BYTES MIB(1)

struct piece *
piece_new(struct inflight *first, unsigned origin)
{
	struct piece *p = calloc(1, sizeof *p);
	struct fetcher *f = first->blob->fetcher;

	if (p == NULL)
		return NULL;
	list_init(&p->link);
	list_init(&p->chunks);
	p->blob = first->blob;
	p->origin = origin;
	p->priority = first->priority;
	p->codec = first->chunk.codec;
	p->blob_off = first->chunk.blob_off;
	p->blob_len = first->chunk.blob_len;
	blob_hold(p->blob);
	f->reserved_bytes += p->blob_len;
	piece_add(p, first);
	return p;
}

bool
piece_takes(const struct piece *p, const struct inflight *i)
{
	return i->chunk.blob_off == p->blob_off &&
	       i->chunk.blob_len == p->blob_len && i->chunk.codec == p->codec;
}

void
piece_add(struct piece *p, struct inflight *i)
{
	inflight_run(i);
	list_push_back(&p->chunks, &i->link);
}

/* Lock held. */
static void
piece_free(struct piece *p)
{
	struct fetcher *f = p->blob->fetcher;

	f->reserved_bytes -= p->blob_len;
	fetcher_wake(f);
	blob_drop(p->blob);
	free(p->bytes);
	free(p);
}

uint32_t
piece_fill(struct piece *p, const void *bytes, size_t n)
{
	uint32_t take = (uint32_t)min_u64(n, p->blob_len - p->have);

	if (p->bytes == NULL && (p->bytes = malloc(p->blob_len)) == NULL)
		return 0;
	memcpy(p->bytes + p->have, bytes, take);
	p->have += take;
	return take;
}

void
piece_missed(struct piece *p, const struct err *failure, struct list *done)
{
	struct list *l;

	while ((l = list_pop_front(&p->chunks)) != NULL)
		inflight_missed(list_entry(l, struct inflight, link),
		    (int)p->origin, failure, done);
	piece_free(p);
}

/* ---- on a decode thread ---- */

/* The decoded bytes that the piece's chunks need: [from, to), at most
 * LIMIT_CHUNK_BYTES (store/map.h). */
struct part {
	uint64_t from, to;
};

static struct part
part_of(const struct piece *p)
{
	struct part part = { UINT64_MAX, 0 };

	list_for_each(l, &p->chunks) {
		const struct chunk *c =
		    &list_entry(l, struct inflight, link)->chunk;

		part.from = min_u64(part.from, c->inner_off);
		part.to = max_u64(part.to, (uint64_t)c->inner_off + c->len);
	}
	return part;
}

static int
decompress(const struct piece *p, const struct part *part,
    const struct restart_point *restart, uint8_t *out, struct err *e)
{
	struct spares *spares = &p->blob->fetcher->spares;
	enum chunk_codec codec = p->codec == CHUNK_SPAN ? CHUNK_GZIP : p->codec;
	struct decoder *d = spares_take(spares, codec, e);
	struct decode_part what = {
		.in = p->bytes,
		.in_len = p->blob_len,
		.skip = part->from,
		.out = out,
		.out_len = part->to - part->from,
		.restart = restart,
	};
	int rc;

	if (d == NULL)
		return -1;
	rc = decoder_read_part(d, &what, e);
	spares_give(spares, codec, d, part->to <= KEEP_BYTES);
	return rc;
}

static int
check_vouched(struct piece *p, const struct restart_point *point, struct err *e)
{
	struct digest d;

	if (!point->has_digest)
		return 0;
	digest_of(&d, p->bytes, p->blob_len);
	if (!digest_equal(&d, &point->digest))
		return err_set(e, EBADMSG, "wrong bytes in its span");
	p->is_vouched = true;
	return 0;
}

static int
decode_span(
    struct piece *p, const struct part *part, uint8_t *out, struct err *e)
{
	const struct points *points = p->blob->points;
	AUTO_FREE uint8_t *window = malloc(RESTART_WINDOW_BYTES);
	struct restart_point point;
	uint32_t i;

	if (window == NULL)
		return err_set(e, ENOMEM, "decoding a chunk");
	if (points == NULL || !points_find(points, p->blob_off, &i))
		return err_set(e, EBADMSG, "no restart point");
	if (points_window(points, i, window, &point, e) < 0 ||
	    check_vouched(p, &point, e) < 0)
		return -1;
	if (!point.is_stored)
		return decompress(p, part, &point, out, e);
	if (part->to > p->blob_len)
		return err_set(e, EBADMSG, "ends past its span");
	memcpy(out, p->bytes + part->from, part->to - part->from);
	return 0;
}

/* The part's bytes in *out; *made is what was allocated for them. */
static int
piece_decode(struct piece *p, const struct part *part, const uint8_t **out,
    uint8_t **made, struct err *e)
{
	switch (p->codec) {
	case CHUNK_ZEROS:
		return 0;
	case CHUNK_RAW:
		if (part->to > p->blob_len)
			return err_set(e, EBADMSG, "ends past its range");
		*out = p->bytes + part->from;
		return 0;
	case CHUNK_ZSTD:
	case CHUNK_GZIP:
	case CHUNK_SPAN:
		break;
	default:
		return err_set(e, EBADMSG, "no range of the blob");
	}
	if (part->to - part->from > LIMIT_CHUNK_BYTES)
		return err_set(e, EBADMSG, "longer than a chunk may be");
	if ((*made = malloc(part->to - part->from)) == NULL)
		return err_set(e, ENOMEM, "decoding a chunk");
	*out = *made;
	return p->codec == CHUNK_SPAN ? decode_span(p, part, *made, e)
				      : decompress(p, part, NULL, *made, e);
}

static int
chunk_write(struct inflight *i, const uint8_t *p, struct err *e)
{
	struct store *s = i->blob->fetcher->store;

	if (i->chunk.codec == CHUNK_ZEROS)
		return store_write_zeros(
		    s, i->chunk.len, i->data_off, i->is_end, e);
	return store_write(s, p, i->chunk.len, i->data_off, i->is_end, e);
}

static bool
is_right(const struct inflight *i, const uint8_t *p, bool is_vouched)
{
	struct digest d;

	if (i->chunk.codec == CHUNK_ZEROS)
		return true;
	if (!i->chunk.has_digest)
		return is_vouched;
	digest_of(&d, p, i->chunk.len);
	return digest_equal(&d, &i->chunk.digest);
}

void
chunk_store(struct inflight *i, const uint8_t *p, bool is_vouched)
{
	struct err e = ERR_INIT;

	if (!is_right(i, p, is_vouched)) {
		err_set(&i->failure, EBADMSG, "wrong bytes");
		i->is_corrupt = true;
		return;
	}
	if (chunk_write(i, p, &e) < 0)
		i->failure = e;
	else
		i->is_stored = true;
}

/* Which bytes they were: of what is wrong the same may come again. */
static void
note_wrong(const struct piece *p)
{
	struct digest came;
	bool is_known = false;

	list_for_each(l, &p->chunks) {
		struct inflight *i = list_entry(l, struct inflight, link);

		if (!i->is_corrupt)
			continue;
		if (!is_known)
			digest_of(&came, p->bytes, p->blob_len);
		is_known = true;
		i->same = i->same > 0 && digest_equal(&came, &i->came)
			      ? i->same + 1
			      : 1;
		i->came = came;
	}
}

static void
piece_store(struct piece *p)
{
	AUTO_FREE uint8_t *made = NULL;
	const uint8_t *bytes = NULL;
	struct part part = part_of(p);
	struct err e = ERR_INIT;
	int rc = piece_decode(p, &part, &bytes, &made, &e);

	list_for_each(l, &p->chunks) {
		struct inflight *i = list_entry(l, struct inflight, link);

		i->gave = p->gave;
		if (rc < 0) {
			i->failure = e;
			/* A wrong byte may look like what is not supported. */
			i->is_corrupt = e.code != ENOMEM;
		} else if (p->codec == CHUNK_ZEROS) {
			chunk_store(i, NULL, false);
		} else {
			chunk_store(i, bytes + (i->chunk.inner_off - part.from),
			    p->is_vouched);
		}
	}
}

static void
piece_run(struct task *t)
{
	struct piece *p = container_of(t, struct piece, task);
	struct fetcher *f = p->blob->fetcher;
	bool may_write = blob_begin_write(p->blob);
	struct list done, *l;

	list_init(&done);
	if (may_write) {
		piece_store(p);
		note_wrong(p);
	}
	lock_acquire(&f->lock);
	if (may_write)
		blob_end_write(p->blob);
	while ((l = list_pop_front(&p->chunks)) != NULL)
		inflight_settle(
		    list_entry(l, struct inflight, link), p->origin, &done);
	piece_free(p);
	lock_release(&f->lock);
	demands_finish(&done);
}

void
piece_submit(struct piece *p)
{
	p->task.run = piece_run;
	pool_submit(p->blob->fetcher->decoders, &p->task, p->priority);
}
