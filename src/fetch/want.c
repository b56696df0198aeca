/* A want: the chunks that cover it, and what a reader will ask for next. */
#include <errno.h>
#include <stdlib.h>

#include "fetch/demand.h"
#include "fetch/fetcher.h"
#include "fetch/inflight.h"
#include "fetch/plan.h"
#include "store/lease.h"
#include "store/store.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/metrics.h"

/* A want on its way. */
struct wait {
	struct demand demand;
	struct want *want;
	struct store *store;
	struct lease lease; /* until the want's on_done has read */
};

/* The range in its object, in whole blocks: a block that two chunks share needs
 * both. */
struct extent {
	struct object object;
	uint32_t number; /* the object's */
	uint64_t from, to;
	uint32_t first, last; /* chunks */
};

static int
extent_of(
    const struct blob *b, const struct want *w, struct extent *x, struct err *e)
{
	const struct map *m = b->map;
	uint64_t end = align_up(w->data_off + w->len, STORE_BLOCK);
	uint32_t n;

	if (m == NULL)
		return err_set(e, ECANCELED, "layer %s was closed",
		    DIGEST_TEXT(&b->digest));
	if (w->priority == SOURCE_IDLE && b->fetcher->idle_bytes_per_s == 0)
		return err_set(
		    e, ENOTSUP, "no bandwidth is set for the background");
	if (!map_find_object(m, w->data_off, &n))
		return err_set(e, EINVAL, "position %llu is not of this layer",
		    (unsigned long long)w->data_off);
	x->number = n;
	map_object(m, n, &x->object);
	x->from = align_down(w->data_off, STORE_BLOCK) - x->object.data_off;
	x->to = min_u64(end - x->object.data_off, x->object.size);
	map_object_chunks(m, &x->object, x->from, x->to, &x->first, &x->last);
	return 0;
}

static void
wait_for_chunk(struct demand *d, uint32_t chunk)
{
	struct inflight *i = inflight_find(d->blob, chunk);
	struct err e = ERR_INIT;

	if (i != NULL)
		metric_add(METRIC_fetch_joined, 1);
	i = inflight_queue(d->blob, chunk, d->priority, &e);
	if (e.code != 0)
		demand_fail(d, &e);
	else if (i != NULL)
		demand_wait_for(d, i);
}

/* ---- what a reader will ask for next ---- */

/* How many bytes up to the extent are present or on their way, without a gap;
 * looks no further back than the window can grow. */
static uint64_t
bytes_before(struct blob *b, const struct extent *x)
{
	uint64_t start = x->from;
	struct chunk c;

	for (uint32_t n = x->first; n-- > x->object.first_chunk;) {
		if (inflight_is_absent(b, n) ||
		    x->from - start > plan_readahead(x->from - start))
			break;
		map_chunk(b->map, n, &c);
		start = c.object_off;
	}
	return x->from - start;
}

/* Programs and libraries are read here and there, but most of them: the whole
 * object, where it is no larger than what a few misses of it would cost. */
static uint64_t
whole_bytes(const struct blob *b, const struct extent *x)
{
	uint64_t most = guess_most(b);

	return map_object_blob_bytes(b->map, &x->object, most) <= most
		   ? x->object.size
		   : 0;
}

static void
read_ahead(struct blob *b, const struct extent *x)
{
	uint64_t ahead =
	    max_u64(plan_readahead(bytes_before(b, x)), whole_bytes(b, x));
	uint32_t end = x->object.first_chunk + x->object.n_chunks;
	struct err e = ERR_INIT;
	struct chunk c;

	for (uint32_t n = x->last + 1; n < end; n++) {
		map_chunk(b->map, n, &c);
		if (c.object_off >= x->to + ahead)
			break;
		inflight_queue(b, n, SOURCE_SOON, &e);
	}
}

static void
fetch_around(struct blob *b, const struct extent *x)
{
	struct plan_view v = { map_n_chunks(b->map), blob_look, b };
	struct plan_span s = plan_window(&v, map_blob_rank(b->map, x->first));
	struct err e = ERR_INIT;

	for (uint32_t rank = s.first; rank <= s.last; rank++) {
		uint32_t number = map_chunk_in_blob_order(b->map, rank);
		struct plan_chunk c;

		blob_look(b, rank, &c);
		if (c.state == PLAN_ABSENT && c.blob_len > 0 &&
		    plan_is_small(c.object_size))
			inflight_queue(b, number, SOURCE_SOON, &e);
	}
}

/* What a reader will ask for next: first what is nearest to what he reads. */
static void
fetch_more(struct blob *b, const struct extent *x)
{
	bool is_small = plan_is_small(x->object.size);

	if (!is_small)
		read_ahead(b, x);
	if (!guess_family(b, x->number) && is_small)
		fetch_around(b, x);
	guess_note(b, x->number, x->last);
}

/* ---- the want ---- */

static void
wait_finish(struct demand *d)
{
	struct wait *wait = container_of(d, struct wait, demand);
	struct want *w = wait->want;
	struct err failure = d->failure;

	w->on_done(w, failure.code == 0 ? NULL : &failure);
	store_unlease(wait->store, &wait->lease);
	free(wait);
}

static uint64_t
until(struct fetcher *f, uint32_t patience_ms)
{
	if (patience_ms == WANT_FOREVER)
		return UNTIL_FOREVER;
	if (patience_ms == 0)
		return UNTIL_ONE_ROUND;
	return awake_now_ns(&f->awake) + patience_ms * NS_PER_MS;
}

/* It waits for as long as a round trip takes. */
static void
note_reader(struct blob *b)
{
	b->fetcher->read_ns = clock_now_ns();
	if (b->n_origins > 0)
		link_add_credit(b->origins[0].link);
	fetcher_wake(b->fetcher);
}

/* Lock held.  Chunks that the reader did not ask for go after those it did. */
static void
want_chunks(struct demand *d, const struct want *w)
{
	struct blob *b = d->blob;
	struct extent x;
	struct err e = ERR_INIT;

	if (extent_of(b, w, &x, &e) < 0) {
		demand_fail(d, &e);
		return;
	}
	for (uint32_t n = x.first; n <= x.last; n++)
		wait_for_chunk(d, n);
	/* What a start reads is on its way: it knows better than its place. */
	if (d->missing == 1 || w->priority != SOURCE_NOW || b->ordered > 0)
		return;
	note_reader(b);
	fetch_more(b, &x);
}

/* True: it is all here, and was told. */
static bool
want_present(struct store *s, struct want *w)
{
	struct lease lease;
	bool has_all;

	store_lease(s, &lease, w->data_off, w->len);
	has_all = store_has(s, w->data_off, w->len);
	if (has_all)
		w->on_done(w, NULL);
	store_unlease(s, &lease);
	return has_all;
}

void
blob_want(struct blob *b, struct want *w)
{
	struct wait *wait;
	struct list done;
	struct err e = ERR_INIT;

	if (want_present(b->fetcher->store, w))
		return;
	if ((wait = calloc(1, sizeof *wait)) == NULL) {
		err_set(&e, ENOMEM, "fetching");
		w->on_done(w, &e);
		return;
	}
	wait->want = w;
	wait->store = b->fetcher->store;
	store_lease(wait->store, &wait->lease, w->data_off, w->len);
	wait->demand.finish = wait_finish;
	wait->demand.priority = w->priority;
	wait->demand.limit_ns = w->limit_ns;
	list_init(&done);
	lock_acquire(&b->fetcher->lock);
	wait->demand.until_ns = until(b->fetcher, w->patience_ms);
	demand_init(&wait->demand, b);
	want_chunks(&wait->demand, w);
	demand_ready(&wait->demand, &done);
	lock_release(&b->fetcher->lock);
	demands_finish(&done);
}

void
blob_hurry(struct blob *b)
{
	LOCK_SCOPE(&b->fetcher->lock);
	fetcher_wake(b->fetcher);
}
