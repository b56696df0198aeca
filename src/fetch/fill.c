#include "fetch/fill.h"

#include <errno.h>
#include <stdlib.h>

#include "fetch/demand.h"
#include "fetch/fetcher.h"
#include "fetch/inflight.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"

/* Portions asked for at a time, and what a portion may hold: a run's bytes, so
 * that each becomes one request, and not so many chunks that looking at them
 * keeps the lock. */
#define LANES 4
#define PORTION_BYTES MIB(4)
#define PORTION_CHUNKS 1024

/* How often is_cancelled is looked at. */
#define CHECK_NS (100 * NS_PER_MS)

struct lane {
	struct demand demand;
	struct filling *filling;
	uint64_t blob_bytes; /* of this portion, for progress */
};

struct filling {
	struct fill *fill;
	struct blob *blob;

	/* guarded by fetcher->lock */
	struct list link;
	struct lane lanes[LANES];
	unsigned busy;
	uint32_t rank, end; /* not asked for yet, in the order of the blob */
	uint64_t blob_at;   /* up to where progress was counted */
	bool is_whole;
	bool is_stopped;
	struct err failure; /* the first */
};

static void
note_failure(struct filling *g, const struct err *failure)
{
	if (failure->code != 0 && g->failure.code == 0)
		g->failure = *failure;
}

static void
stop_asking(struct filling *g, const struct err *why)
{
	note_failure(g, why);
	g->is_stopped = true;
	g->rank = g->end;
}

/* ---- a portion ---- */

/* Chunks of a stream have no place in the blob: they belong to the whole of
 * it. */
static bool
is_in_range(const struct filling *g, const struct chunk *c)
{
	const struct fill *f = g->fill;

	if (c->codec == CHUNK_STREAM)
		return g->is_whole;
	return c->codec == CHUNK_ZEROS ||
	       (c->blob_off < f->blob_end &&
		   c->blob_off + c->blob_len > f->blob_off);
}

static void
ask_for(struct lane *lane, uint32_t number)
{
	struct filling *g = lane->filling;
	struct err e = ERR_INIT;
	struct inflight *i =
	    inflight_queue(g->blob, number, g->fill->priority, &e);

	if (e.code != 0)
		demand_fail(&lane->demand, &e);
	else if (i != NULL)
		demand_wait_for(&lane->demand, i);
}

static void
gather(struct lane *lane)
{
	struct filling *g = lane->filling;
	const struct map *m = g->blob->map;
	uint64_t start = g->blob_at, stream_bytes = 0;

	for (unsigned n = 0;
	     g->rank < g->end && n < PORTION_CHUNKS &&
	     stream_bytes + (g->blob_at - start) < PORTION_BYTES;
	     n++, g->rank++) {
		uint32_t number = map_chunk_in_blob_order(m, g->rank);
		struct chunk c;

		map_chunk(m, number, &c);
		if (!is_in_range(g, &c))
			continue;
		ask_for(lane, number);
		if (c.codec == CHUNK_STREAM)
			stream_bytes += c.len;
		else
			g->blob_at =
			    max_u64(g->blob_at, min_u64(c.blob_off + c.blob_len,
						    g->fill->blob_end));
	}
	lane->blob_bytes = g->blob_at - start;
}

static void lane_finish(struct demand *d);

static void
count_progress(struct lane *lane)
{
	note_failure(lane->filling, &lane->demand.failure);
	lane->filling->fill->done_bytes += lane->blob_bytes;
}

/* Lock held.  False: the next portion was all there already. */
static bool
lane_ask(struct lane *lane)
{
	struct filling *g = lane->filling;
	struct list at_once;

	list_init(&at_once);
	lane->demand = (struct demand){
		.finish = lane_finish,
		.priority = g->fill->priority,
		.until_ns = UNTIL_ONE_ROUND,
		.outlives_failure = true,
	};
	demand_init(&lane->demand, g->blob);
	gather(lane);
	demand_ready(&lane->demand, &at_once);
	if (list_is_empty(&at_once))
		return true;
	count_progress(lane);
	return false;
}

/* Lock held, but let go of between portions.  The lane is busy with the next
 * chunks that are missing, or there are none left: false. */
static bool
lane_go_on(struct lane *lane)
{
	struct filling *g = lane->filling;
	struct lock *l = &g->blob->fetcher->lock;
	struct err e = ERR_INIT;

	while (g->rank < g->end) {
		if (g->blob->map == NULL) {
			err_set(&e, ECANCELED, "layer %s was closed",
			    DIGEST_TEXT(&g->blob->digest));
			stop_asking(g, &e);
			return false;
		}
		if (lane_ask(lane))
			return true;
		lock_release(l);
		lock_acquire(l);
	}
	return false;
}

/* ---- the fill ---- */

/* Lock held on entry, not on return: the last lane has come home. */
static void
filling_finish(struct filling *g)
{
	struct fetcher *f = g->blob->fetcher;
	struct fill *fill = g->fill;
	struct err failure = g->failure;

	list_remove(&g->link);
	g->blob->fills--;
	blob_drop(g->blob);
	lock_release(&f->lock);
	free(g);
	if (failure.code == 0)
		fill->done_bytes = fill->blob_end - fill->blob_off;
	fill->on_done(fill, failure.code == 0 ? NULL : &failure);
}

/* Lock held on entry, not on return. */
static void
lane_next(struct lane *lane)
{
	struct filling *g = lane->filling;
	struct fetcher *f = g->blob->fetcher;

	if (!lane_go_on(lane) && --g->busy == 0)
		filling_finish(g);
	else
		lock_release(&f->lock);
}

static void
lane_finish(struct demand *d)
{
	struct lane *lane = container_of(d, struct lane, demand);

	lock_acquire(&lane->filling->blob->fetcher->lock);
	count_progress(lane);
	lane_next(lane);
}

static struct filling *
filling_new(struct blob *b, struct fill *fill)
{
	struct filling *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	g->fill = fill;
	g->blob = b;
	g->blob_at = fill->blob_off;
	g->busy = LANES;
	g->is_whole = fill->blob_off == 0 && fill->blob_end >= b->size;
	for (int i = 0; i < LANES; i++)
		g->lanes[i].filling = g;
	return g;
}

static void
refuse(struct fill *fill, int code, const char *why)
{
	struct err e = ERR_INIT;

	err_set(&e, code, "%s", why);
	fill->on_done(fill, &e);
}

void
blob_fill(struct blob *b, struct fill *fill)
{
	struct fetcher *f = b->fetcher;
	struct filling *g;

	fill->done_bytes = 0;
	if (fill->priority == SOURCE_IDLE && f->idle_bytes_per_s == 0) {
		refuse(fill, ENOTSUP, "no bandwidth is set for the background");
		return;
	}
	if ((g = filling_new(b, fill)) == NULL) {
		refuse(fill, ENOMEM, "filling a layer");
		return;
	}
	lock_acquire(&f->lock);
	g->end = b->map != NULL ? map_n_chunks(b->map) : 0;
	list_push_back(&f->fills, &g->link);
	blob_hold(b);
	b->fills++;
	fetcher_wake(f);
	for (int i = 0; i < LANES; i++) {
		lane_next(&g->lanes[i]);
		if (i + 1 < LANES)
			lock_acquire(&f->lock);
	}
}

uint64_t
fills_check(struct fetcher *f, uint64_t now_ns)
{
	struct err e = ERR_INIT;

	err_set(&e, ECANCELED, "cancelled");
	list_for_each(l, &f->fills) {
		struct filling *g = list_entry(l, struct filling, link);

		if (!g->fill->is_cancelled || g->is_stopped)
			continue;
		stop_asking(g, &e);
		for (int i = 0; i < LANES; i++)
			if (g->lanes[i].demand.missing > 0)
				demand_end(&g->lanes[i].demand, &e, &f->done);
	}
	return list_is_empty(&f->fills) ? UNTIL_FOREVER : now_ns + CHECK_NS;
}

void
fills_cancel(struct fetcher *f)
{
	list_for_each(l, &f->fills)
		list_entry(l, struct filling, link)->fill->is_cancelled = true;
}
