#include "fetch/run.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fetch/demand.h"
#include "fetch/fetcher.h"
#include "fetch/gather.h"
#include "fetch/inflight.h"
#include "fetch/piece.h"
#include "fetch/plan.h"
#include "fetch/transfer.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

/* A gap that is left out to see whether it can be: it costs a part's head. */
#define TRIAL_GAP_BYTES KIB(1)

static struct run *
run_of(struct source_read *r)
{
	return container_of(
	    container_of(r, struct transfer, read), struct run, transfer);
}

/* ---- making one ---- */

/* It begins with the byte that the piece ends with. */
static bool
shares_byte(const struct piece *p, const struct chunk *c)
{
	return p->codec == CHUNK_SPAN && c->codec == CHUNK_SPAN &&
	       c->blob_len > 1 && c->blob_off + 1 == p->blob_off + p->blob_len;
}

/* Its chunk joins the last piece, starts a new one, or is left for another run:
 * ranges that overlap by more than a span's byte come only from a table that
 * lies, or a strange one. */
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
	if (last != NULL &&
	    i->chunk.blob_off < last->blob_off + last->blob_len &&
	    !shares_byte(last, &i->chunk))
		return 0;
	if ((last = piece_new(i, origin)) == NULL)
		return -1;
	list_push_back(&r->pieces, &last->link);
	return 0;
}

static int
run_add_span(struct run *r, const struct gathered *g, const struct plan_span *s)
{
	enum source_priority priority = max_u64(g->seed->priority, SOURCE_SOON);
	struct err e = ERR_INIT;

	for (uint32_t rank = s->first; rank <= s->last; rank++) {
		struct inflight *i;

		if (!gather_wants(g, rank))
			continue;
		i = inflight_queue(g->blob,
		    map_chunk_in_blob_order(g->blob->map, rank), priority, &e);
		if (i == NULL || run_add(r, i, g->origin) < 0)
			return -1;
	}
	return 0;
}

/* Out of memory it brings less. */
static void
run_gather(struct run *r, const struct gathered *g)
{
	for (unsigned n = 0; n < g->n; n++)
		if (run_add_span(r, g, &g->spans[n]) < 0)
			return;
}

/* ---- what is left out ---- */

static void
run_leave_gaps(struct run *r, uint64_t least)
{
	struct source_read *read = &r->transfer.read;
	uint64_t end = read->off;

	list_for_each(l, &r->pieces) {
		const struct piece *p = list_entry(l, struct piece, link);

		if (p->blob_off > end + least &&
		    read->n_gaps < GATHER_SPANS - 1)
			r->gaps[read->n_gaps++] =
			    (struct source_gap){ end, p->blob_off };
		end = p->blob_off + p->blob_len;
	}
	read->gaps = r->gaps;
}

static void
run_choose_gaps(struct run *r, const struct gathered *g)
{
	struct transfer *t = &r->transfer;

	if (g->n > 1)
		run_leave_gaps(r, SOURCE_SMALL_GAP);
	else if (g->is_trial)
		run_leave_gaps(r, TRIAL_GAP_BYTES);
	t->is_trial = g->is_trial && t->read.n_gaps > 0;
	if (t->is_trial)
		g->blob->origins[g->origin].link->is_tried = true;
}

/* Nobody who waits for it wants more than one try at each source. */
static bool
is_hasty(const struct inflight *seed)
{
	list_for_each(l, &seed->waiters) {
		const struct waiter *w = list_entry(l, struct waiter, of_chunk);

		if (w->demand->until_ns != UNTIL_ONE_ROUND ||
		    w->demand->outlives_failure)
			return false;
	}
	return !list_is_empty(&seed->waiters);
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
	struct gathered g;

	if (r == NULL)
		return NULL;
	list_init(&r->pieces);
	gather(&g, seed, origin);
	run_gather(r, &g);
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
		.is_hasty = is_hasty(seed),
		.on_bytes = on_bytes,
		.on_done = on_done,
	};
	run_choose_gaps(r, &g);
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
	if (r->at > p->blob_off && p->have == 0 &&
	    piece_fill(p, &r->last, 1) == 0)
		return 0;
	n = piece_fill(p, bytes, n);
	if (p->have == p->blob_len) {
		list_remove(&p->link);
		p->gave = r->gave;
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
		r->last = bytes[took - 1];
		bytes += took;
		n -= took;
	}
	return SOURCE_CONTINUE;
}

static enum source_verdict
on_bytes(struct source_read *sr, const void *p, size_t n)
{
	struct run *r = run_of(sr);

	r->gave = sr->gave;
	r->at = sr->at;
	return run_take_bytes(r, p, n);
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
