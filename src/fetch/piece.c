#include "fetch/piece.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/demand.h"
#include "fetch/fetcher.h"
#include "fetch/inflight.h"
#include "codec/decode.h"
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
decompress(
    const struct piece *p, const struct part *part, uint8_t *out, struct err *e)
{
	struct spares *spares = &p->blob->fetcher->spares;
	struct decoder *d = spares_take(spares, p->codec, e);
	struct decode_part what = {
		.in = p->bytes,
		.in_len = p->blob_len,
		.skip = part->from,
		.out = out,
		.out_len = part->to - part->from,
	};

	int rc;

	if (d == NULL)
		return -1;
	rc = decoder_read_part(d, &what, e);
	spares_give(spares, p->codec, d, part->to <= KEEP_BYTES);
	return rc;
}

/* The part's bytes in *out; *made is what was allocated for them. */
static int
piece_decode(const struct piece *p, const struct part *part,
    const uint8_t **out, uint8_t **made, struct err *e)
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
		break;
	default:
		return err_set(e, EBADMSG, "no range of the blob");
	}
	if (part->to - part->from > LIMIT_CHUNK_BYTES)
		return err_set(e, EBADMSG, "longer than a chunk may be");
	if ((*made = malloc(part->to - part->from)) == NULL)
		return err_set(e, ENOMEM, "decoding a chunk");
	*out = *made;
	return decompress(p, part, *made, e);
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
is_right(const struct inflight *i, const uint8_t *p)
{
	struct digest d;

	if (i->chunk.codec == CHUNK_ZEROS)
		return true;
	if (!i->chunk.has_digest)
		return false;
	digest_of(&d, p, i->chunk.len);
	return digest_equal(&d, &i->chunk.digest);
}

void
chunk_store(struct inflight *i, const uint8_t *p)
{
	struct err e = ERR_INIT;

	if (!is_right(i, p)) {
		err_set(&i->failure, EBADMSG, "wrong bytes");
		i->is_corrupt = true;
		return;
	}
	if (chunk_write(i, p, &e) < 0)
		i->failure = e;
	else
		i->is_stored = true;
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

		if (rc < 0) {
			i->failure = e;
			i->is_corrupt = e.code == EBADMSG;
		} else if (p->codec == CHUNK_ZEROS) {
			chunk_store(i, NULL);
		} else {
			chunk_store(
			    i, bytes + (i->chunk.inner_off - part.from));
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
	if (may_write)
		piece_store(p);
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
