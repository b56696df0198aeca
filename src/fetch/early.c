#include "fetch/early.h"

#include <errno.h>
#include <stdlib.h>

#include "fetch/demand.h"
#include "fetch/fetcher.h"
#include "fetch/inflight.h"
#include "fetch/run.h"
#include "base/bytes.h"
#include "base/err.h"

struct early {
	struct run run; /* first: it is freed as one */
	struct fetcher *fetcher;
	struct demand *note;

	struct lock lock; /* guards what follows, and the run until it is met */
	struct buf held;
	enum { EARLY_HOLDING, EARLY_MET, EARLY_DROPPED } state;
	bool is_done;
	bool is_calling; /* early_drop() is not done with it */
	struct err failure;
};

static struct early *
early_of(struct source_read *r)
{
	struct transfer *t = container_of(r, struct transfer, read);

	return container_of(
	    container_of(t, struct run, transfer), struct early, run);
}

static void
early_free(struct transfer *t)
{
	struct early *x = container_of(
	    container_of(t, struct run, transfer), struct early, run);

	buf_release(&x->held);
	lock_destroy(&x->lock);
	free(x);
}

/* One that never had a blob: the fetch thread frees it. */
static void
bury(struct early *x)
{
	struct fetcher *f = x->fetcher;

	LOCK_SCOPE(&f->lock);
	f->early--;
	list_push_back(&f->ended, &x->run.transfer.link);
	fetcher_wake(f);
}

/* ---- its bytes ---- */

static enum source_verdict
on_bytes(struct source_read *r, const void *p, size_t n)
{
	struct early *x = early_of(r);
	struct err e = ERR_INIT;

	LOCK_SCOPE(&x->lock);
	x->run.gave = r->gave;
	if (x->state == EARLY_MET)
		return run_take_bytes(&x->run, p, n);
	if (x->state == EARLY_DROPPED || buf_append(&x->held, p, n, &e) < 0)
		return SOURCE_ABORT;
	return SOURCE_CONTINUE;
}

static void
tell(struct early *x)
{
	struct fetcher *f = x->fetcher;

	LOCK_SCOPE(&f->lock);
	list_push_back(&f->done, &x->note->link);
	fetcher_wake(f);
}

static void
on_done(struct source_read *r, const struct err *failure)
{
	struct early *x = early_of(r);
	bool is_met, is_gone;

	transfer_stop(&x->run.transfer);
	tell(x);
	lock_acquire(&x->lock);
	x->is_done = true;
	if (failure != NULL)
		x->failure = *failure;
	is_met = x->state == EARLY_MET;
	is_gone = x->state == EARLY_DROPPED && !x->is_calling;
	lock_release(&x->lock);
	if (is_met)
		run_end(&x->run, failure);
	else if (is_gone)
		bury(x);
}

struct early *
early_start(struct fetcher *f, struct source *s, const struct early_range *r,
    struct demand *note)
{
	struct early *x = calloc(1, sizeof *x);
	struct transfer *t = &x->run.transfer;

	if (x == NULL)
		return NULL;
	list_init(&x->run.pieces);
	x->run.at = r->blob_off;
	x->fetcher = f;
	x->note = note;
	lock_init(&x->lock, RANK_EARLY);
	buf_init(&x->held, r->len);
	list_init(&t->link);
	t->read = (struct source_read){ .blob = *r->blob,
		.blob_size = r->blob_size,
		.off = r->blob_off,
		.len = r->len,
		.priority = SOURCE_SOON,
		.on_bytes = on_bytes,
		.on_done = on_done };
	t->source = source_ref(s);
	t->free = early_free;
	guard_init(&t->guard);
	lock_acquire(&f->lock);
	f->early++;
	lock_release(&f->lock);
	transfer_start(t);
	return x;
}

/* ---- its chunks ---- */

/* The first chunk in the blob's order that starts at or after the position;
 * zeros come before all that have one, what only a stream gives after. */
static uint32_t
first_rank(const struct map *m, uint64_t blob_off)
{
	uint32_t lo = 0, hi = map_n_chunks(m);

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		struct chunk c;

		map_chunk(m, map_chunk_in_blob_order(m, mid), &c);
		if (c.codec == CHUNK_ZEROS ||
		    (c.codec != CHUNK_STREAM && c.blob_off < blob_off))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Every one that lies whole in the range and is missing, whoever wants it. */
static void
gather(struct early *x, struct blob *b, unsigned origin)
{
	const struct source_read *r = &x->run.transfer.read;
	const struct map *m = b->map;
	struct err e = ERR_INIT;

	for (uint32_t rank = first_rank(m, r->off); rank < map_n_chunks(m);
	     rank++) {
		uint32_t number = map_chunk_in_blob_order(m, rank);
		struct inflight *i;
		struct chunk c;

		map_chunk(m, number, &c);
		if (c.codec == CHUNK_STREAM || c.blob_off >= r->off + r->len)
			return;
		if (c.blob_off + c.blob_len > r->off + r->len)
			continue;
		i = inflight_queue(b, number, SOURCE_SOON, &e);
		if (i != NULL && i->state == INFLIGHT_QUEUED &&
		    run_add(&x->run, i, origin) < 0)
			return;
	}
}

/* The blob's place for the source; -1: it has none. */
static int
find_origin(const struct blob *b, const struct source *s)
{
	for (unsigned i = 0; i < b->n_origins; i++)
		if (b->origins[i].source == s)
			return (int)i;
	return -1;
}

/* With x->lock held.  False: there is no such blob. */
static bool
adopt(struct early *x, struct blob *b)
{
	struct fetcher *f = x->fetcher;
	struct transfer *t = &x->run.transfer;
	int origin;

	LOCK_SCOPE(&f->lock);
	origin = b->map == NULL ? -1 : find_origin(b, t->source);
	if (origin < 0)
		return false;
	f->early--;
	transfer_adopt(t, b, (unsigned)origin);
	gather(x, b, (unsigned)origin);
	return true;
}

void
early_meet(struct early *x, struct blob *b)
{
	struct err failure;
	bool is_done;

	lock_acquire(&x->lock);
	if (!adopt(x, b)) {
		lock_release(&x->lock);
		early_drop(x);
		return;
	}
	x->state = EARLY_MET;
	run_take_bytes(&x->run, x->held.data, x->held.len);
	buf_release(&x->held);
	is_done = x->is_done;
	failure = x->failure;
	lock_release(&x->lock);
	if (is_done)
		run_end(&x->run, failure.code == 0 ? NULL : &failure);
}

void
early_drop(struct early *x)
{
	struct transfer *t = &x->run.transfer;
	bool is_done;

	lock_acquire(&x->lock);
	x->state = EARLY_DROPPED;
	x->is_calling = true;
	is_done = x->is_done;
	lock_release(&x->lock);
	if (!is_done && guard_enter(&t->guard)) {
		source_cancel(t->source, &t->read);
		guard_leave(&t->guard);
	}
	lock_acquire(&x->lock);
	x->is_calling = false;
	is_done = x->is_done;
	lock_release(&x->lock);
	if (is_done)
		bury(x);
}
