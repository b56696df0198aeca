#include "fetch/run.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fetch/fetcher.h"
#include "fetch/inflight.h"
#include "fetch/piece.h"
#include "fetch/plan.h"
#include "fetch/transfer.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"

/* Larger requests gain nothing (one round trip against 0.3 s of 100 Mbit/s),
 * and hold memory and a slot while others wait. */
#define RUN_BYTES MIB(4)

/* For so long after a miss the next one is expected. */
#define READING_NS (2 * NS_PER_S)

static struct run *
run_of(struct source_read *r)
{
	return container_of(
	    container_of(r, struct transfer, read), struct run, transfer);
}

/* Of what a start reads many requests share the link: with larger ones the last
 * is still on its way, alone and slowly, when all others have ended. */
#define ORDERED_RUN_BYTES MIB(1)

/* ---- which chunks ---- */

struct view {
	struct blob *blob;
	const struct inflight *seed;
	unsigned origin;
};

static bool
by_range(const struct chunk *c)
{
	return c->codec == CHUNK_RAW || c->codec == CHUNK_ZSTD ||
	       c->codec == CHUNK_GZIP;
}

/* Background work rides on nobody else's request: it has a budget. */
static enum plan_state
record_state(const struct view *v, const struct inflight *i)
{
	if (i->state != INFLIGHT_QUEUED || (i->tried & 1u << v->origin) != 0 ||
	    (i->priority == SOURCE_IDLE && v->seed->priority != SOURCE_IDLE))
		return PLAN_THERE;
	return i->priority <= v->seed->priority ? PLAN_URGENT : PLAN_QUEUED;
}

static void
look(void *ctx, uint32_t rank, struct plan_chunk *out)
{
	const struct view *v = ctx;
	const struct map *m = v->blob->map;
	uint32_t number = map_chunk_in_blob_order(m, rank);
	const struct inflight *i = inflight_find(v->blob, number);
	struct chunk c;

	map_chunk(m, number, &c);
	*out = (struct plan_chunk){
		.blob_off = c.blob_off,
		.blob_len = by_range(&c) ? c.blob_len : 0,
		.state = PLAN_THERE,
	};
	if (i != NULL)
		out->state = record_state(v, i);
	else if (out->blob_len > 0 && inflight_is_absent(v->blob, number))
		out->state = PLAN_ABSENT;
}

/* ---- making one ---- */

/* Its chunk joins the last piece, starts a new one, or is left for another run:
 * ranges that overlap come only from a table that lies, or a strange one. */
int
run_add(struct run *r, struct inflight *i, unsigned origin)
{
	struct piece *last = NULL;

	if (!list_is_empty(&r->pieces))
		last = list_entry(r->pieces.prev, struct piece, link);
	if (last != NULL && piece_takes(last, i)) {
		piece_add(last, i);
		return 0;
	}
	if (last != NULL && i->chunk.blob_off < last->blob_off + last->blob_len)
		return 0;
	if ((last = piece_new(i, origin)) == NULL)
		return -1;
	list_push_back(&r->pieces, &last->link);
	return 0;
}

/* While somebody reads, a large file comes on several connections at once: one
 * alone is as slow as TCP's slow start. */
static uint64_t
run_bytes(const struct inflight *seed, unsigned origin)
{
	const struct blob *b = seed->blob;
	uint64_t bubble = link_bubble(b->origins[origin].link);

	if (b->ordered > 0)
		return ORDERED_RUN_BYTES;
	if (b->guess.left_bytes == 0 ||
	    clock_now_ns() - b->fetcher->read_ns >= READING_NS)
		return RUN_BYTES;
	return min_u64(max_u64(bubble / 2, KIB(256)), RUN_BYTES);
}

static void
run_gather(struct run *r, struct inflight *seed, unsigned origin)
{
	struct view v = { seed->blob, seed, origin };
	const struct map *m = seed->blob->map;
	struct plan_view pv = { map_n_chunks(m), look, &v };
	struct plan_span span = plan_run(
	    &pv, map_blob_rank(m, seed->number), run_bytes(seed, origin));
	enum source_priority priority = seed->priority;
	struct err e = ERR_INIT;
	struct plan_chunk c;

	for (uint32_t rank = span.first; rank <= span.last; rank++) {
		struct inflight *i;

		look(&v, rank, &c);
		if (c.blob_len == 0 || c.state == PLAN_THERE)
			continue;
		i = inflight_queue(seed->blob, map_chunk_in_blob_order(m, rank),
		    priority == SOURCE_NOW ? SOURCE_SOON : priority, &e);
		if (i == NULL || run_add(r, i, origin) < 0)
			return;
	}
}

static enum source_verdict on_bytes(
    struct source_read *sr, const void *p, size_t n);
static void on_done(struct source_read *sr, const struct err *failure);
static void run_free(struct transfer *t);

struct transfer *
run_new(struct inflight *seed, unsigned origin)
{
	struct run *r = calloc(1, sizeof *r);
	const struct piece *first, *last;

	if (r == NULL)
		return NULL;
	list_init(&r->pieces);
	run_gather(r, seed, origin);
	if (list_is_empty(&r->pieces)) {
		free(r);
		return NULL;
	}
	first = list_entry(r->pieces.next, struct piece, link);
	last = list_entry(r->pieces.prev, struct piece, link);
	r->at = first->blob_off;
	r->transfer.free = run_free;
	r->transfer.read = (struct source_read){
		.off = first->blob_off,
		.len = last->blob_off + last->blob_len - first->blob_off,
		.on_bytes = on_bytes,
		.on_done = on_done,
	};
	transfer_init(&r->transfer, seed->blob, origin, seed->priority);
	return &r->transfer;
}

static void
run_free(struct transfer *t)
{
	struct run *r = container_of(t, struct run, transfer);

	assert(list_is_empty(&r->pieces));
	free(r);
}

/* ---- its bytes ---- */

/* How many of n bytes the first piece (or the gap before it) takes. */
static size_t
run_take(struct run *r, struct piece *p, const uint8_t *bytes, size_t n)
{
	if (r->at < p->blob_off)
		return min_u64(n, p->blob_off - r->at);
	n = piece_fill(p, bytes, n);
	if (p->have == p->blob_len) {
		list_remove(&p->link);
		piece_submit(p);
	}
	return n;
}

enum source_verdict
run_take_bytes(struct run *r, const void *p, size_t n)
{
	const uint8_t *bytes = p;

	transfer_note_bytes(&r->transfer, n);
	while (n > 0 && !list_is_empty(&r->pieces)) {
		size_t took = run_take(r,
		    list_entry(r->pieces.next, struct piece, link), bytes, n);

		if (took == 0) {
			r->is_out_of_memory = true;
			return SOURCE_ABORT;
		}
		r->at += took;
		bytes += took;
		n -= took;
	}
	return SOURCE_CONTINUE;
}

static enum source_verdict
on_bytes(struct source_read *sr, const void *p, size_t n)
{
	return run_take_bytes(run_of(sr), p, n);
}

void
run_end(struct run *r, const struct err *failure)
{
	struct fetcher *f = r->transfer.blob->fetcher;
	struct err e = ERR_INIT;
	struct list *l;

	if (r->is_out_of_memory)
		err_set(&e, ENOMEM, "buffer for a chunk");
	else if (failure != NULL)
		e = *failure;
	else if (!list_is_empty(&r->pieces))
		err_set(&e, EPROTO, "%s: ended early",
		    source_name(r->transfer.source));
	LOCK_SCOPE(&f->lock);
	while ((l = list_pop_front(&r->pieces)) != NULL)
		piece_missed(list_entry(l, struct piece, link), &e, &f->done);
	transfer_end(&r->transfer, e.code == 0 ? NULL : &e);
}

static void
on_done(struct source_read *sr, const struct err *failure)
{
	struct run *r = run_of(sr);

	transfer_stop(&r->transfer);
	run_end(r, failure);
}
