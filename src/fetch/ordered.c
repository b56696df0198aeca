#include "fetch/ordered.h"

#include <errno.h>
#include <stdlib.h>

#include "fetch/demand.h"
#include "fetch/fetcher.h"
#include "fetch/inflight.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

/* Asked for and not there yet: mostly all of it, so that as many neighbours as
 * there are meet.  Measured with python, 100 ms and 100 Mbit/s: 4 to 8 MiB at a
 * time took 108 requests and 4.7 s, this takes 58 and 3.7.  Only what is larger
 * comes a window at a time, in the order in which it is read. */
#define AHEAD_BYTES MIB(64)

/* More is asked for when no more than this is on its way. */
#define REFILL_BYTES MIB(32)

/* Chunks to look at in one go, whatever a profile names. */
#define WINDOW_CHUNKS 4096

struct ordering {
	struct ordered *ordered;
	struct fetcher *fetcher;

	/* guarded by fetcher->lock */
	size_t at;         /* the range that is next */
	uint32_t chunk;    /* and how many of its chunks were asked for */
	uint64_t on_way;   /* bytes of the blobs: bytes_of() */
	unsigned portions; /* on their way, and one while more are made */
	struct err failure;
	bool is_stopped;
};

/* Chunks of one blob that follow each other in the order. */
struct portion {
	struct demand demand;
	struct ordering *ordering;
	uint64_t bytes;
};

static void
note_failure(struct ordering *g, const struct err *failure)
{
	if (failure->code != 0 && g->failure.code == 0)
		g->failure = *failure;
	g->is_stopped = g->is_stopped || failure->code == ECANCELED;
}

/* ---- a portion ---- */

/* A range that several chunks share, as a span is, is none of theirs alone: each
 * would count for all of it, and a few files for more than may be on its way. */
static uint64_t
bytes_of(const struct chunk *c)
{
	return min_u64(c->blob_len, c->len);
}

/* The next chunk of the blob that is missing is asked for.  Lock held. */
static void
ask_for(struct portion *p, uint32_t number)
{
	struct blob *b = p->demand.blob;
	struct err e = ERR_INIT;
	struct inflight *i = inflight_queue(b, number, SOURCE_SOON, &e);

	if (e.code != 0)
		demand_fail(&p->demand, &e);
	if (i == NULL)
		return;
	demand_wait_for(&p->demand, i);
	p->bytes += bytes_of(&i->chunk);
}

static bool
has_more(const struct ordering *g)
{
	return g->at < g->ordered->n && !g->is_stopped;
}

/* False: the range's blob was closed. */
static bool
is_open(const struct ordered_range *r)
{
	return r->blob->map != NULL;
}

/* Until another blob's turn comes, or `budget` is used up. */
static void
gather(struct portion *p, unsigned *budget)
{
	struct ordering *g = p->ordering;
	const struct ordered_range *all = g->ordered->ranges;

	while (has_more(g) && *budget > 0 &&
	       all[g->at].blob == p->demand.blob &&
	       g->on_way + p->bytes < AHEAD_BYTES) {
		const struct ordered_range *r = &all[g->at];

		if (is_open(r)) {
			ask_for(p, r->first_chunk + g->chunk);
			--*budget;
		}
		if (!is_open(r) || r->first_chunk + g->chunk == r->last_chunk) {
			g->at++;
			g->chunk = 0;
		} else {
			g->chunk++;
		}
	}
}

/* It has come, or failed.  Lock held. */
static void
settle(struct portion *p)
{
	struct ordering *g = p->ordering;

	note_failure(g, &p->demand.failure);
	g->on_way -= p->bytes;
	g->portions--;
	free(p);
}

static void portion_finish(struct demand *d);

/* Lock held.  *budget: of chunks to look at. */
static void
ask_portion(struct ordering *g, unsigned *budget)
{
	struct portion *p = calloc(1, sizeof *p);
	struct err e = ERR_INIT;
	struct list at_once;

	if (p == NULL) {
		err_set(&e, ENOMEM, "fetching what a start reads");
		note_failure(g, &e);
		g->is_stopped = true;
		return;
	}
	list_init(&at_once);
	p->ordering = g;
	p->demand.finish = portion_finish;
	p->demand.priority = SOURCE_SOON;
	p->demand.until_ns = UNTIL_ONE_ROUND;
	p->demand.outlives_failure = true;
	demand_init(&p->demand, g->ordered->ranges[g->at].blob);
	g->portions++;
	gather(p, budget);
	g->on_way += p->bytes;
	demand_ready(&p->demand, &at_once);
	if (!list_is_empty(&at_once))
		settle(p);
}

/* ---- all of it ---- */

/* Every blob stays in memory, and readers of it widen nothing.  Lock held. */
static void
hold_blobs(const struct ordered *o)
{
	for (size_t n = 0; n < o->n; n++) {
		blob_hold(o->ranges[n].blob);
		o->ranges[n].blob->ordered++;
	}
}

static void
drop_blobs(const struct ordered *o)
{
	for (size_t n = 0; n < o->n; n++) {
		o->ranges[n].blob->ordered--;
		blob_drop(o->ranges[n].blob);
	}
}

/* Lock held; let go of between windows. */
static void
ask(struct ordering *g)
{
	struct lock *l = &g->fetcher->lock;

	while (has_more(g) && g->on_way <= REFILL_BYTES) {
		unsigned budget = WINDOW_CHUNKS;

		while (has_more(g) && budget > 0 && g->on_way < AHEAD_BYTES)
			ask_portion(g, &budget);
		lock_release(l);
		lock_acquire(l);
		g->is_stopped = g->is_stopped || g->fetcher->is_cancelled;
	}
}

/* Lock held on entry, not on return.  The caller counts as a portion. */
static void
go_on(struct ordering *g)
{
	struct fetcher *f = g->fetcher;
	struct ordered *o = g->ordered;
	struct err failure;
	bool is_last;

	ask(g);
	is_last = --g->portions == 0;
	failure = g->failure;
	if (is_last) {
		drop_blobs(o);
		f->orderings--;
	}
	lock_release(&f->lock);
	if (!is_last)
		return;
	free(g);
	o->on_done(o, failure.code == 0 ? NULL : &failure);
}

static void
portion_finish(struct demand *d)
{
	struct portion *p = container_of(d, struct portion, demand);
	struct ordering *g = p->ordering;

	lock_acquire(&g->fetcher->lock);
	g->portions++;
	settle(p);
	go_on(g);
}

void
fetch_ordered(struct fetcher *f, struct ordered *o)
{
	struct ordering *g = calloc(1, sizeof *g);
	struct err e = ERR_INIT;

	if (g == NULL) {
		err_set(&e, ENOMEM, "fetching what a start reads");
		o->on_done(o, &e);
		return;
	}
	g->ordered = o;
	g->fetcher = f;
	g->portions = 1;
	lock_acquire(&f->lock);
	g->is_stopped = f->is_cancelled;
	f->orderings++;
	hold_blobs(o);
	go_on(g);
}
