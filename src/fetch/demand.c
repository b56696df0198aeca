#include "fetch/demand.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "fetch/fetcher.h"
#include "fetch/inflight.h"
#include "base/bytes.h"
#include "base/clock.h"

void
demand_init(struct demand *d, struct blob *b)
{
	d->blob = b;
	d->missing = 1;
	d->since_ns = clock_now_ns();
	d->failure = ERR_INIT;
	list_init(&d->waiters);
	list_push_back(&b->fetcher->demands, &d->link);
	fetcher_wake(b->fetcher); /* for its until_ns */
	blob_hold(b);
}

static void
waiter_free(struct waiter *w)
{
	list_remove(&w->of_chunk);
	list_remove(&w->of_demand);
	free(w);
}

static void
demand_complete(struct demand *d, struct list *done)
{
	while (!list_is_empty(&d->waiters))
		waiter_free(
		    list_entry(d->waiters.next, struct waiter, of_demand));
	usage_note_wait(d);
	list_remove(&d->link);
	list_push_back(done, &d->link);
	blob_drop(d->blob);
	d->missing = 0;
}

static void
demand_settle_one(
    struct demand *d, const struct err *failure, struct list *done)
{
	assert(d->missing > 0);
	d->missing--;
	if (failure != NULL && d->failure.code == 0)
		d->failure = *failure;
	if (d->missing == 0 || (failure != NULL && !d->outlives_failure))
		demand_complete(d, done);
}

void
demand_ready(struct demand *d, struct list *done)
{
	struct err e = d->failure;

	demand_settle_one(d, e.code == 0 ? NULL : &e, done);
}

void
demand_fail(struct demand *d, const struct err *failure)
{
	if (d->failure.code == 0)
		d->failure = *failure;
}

void
demand_wait_for(struct demand *d, struct inflight *i)
{
	struct waiter *w;
	struct err e = ERR_INIT;

	/* The round that it asks for has just been. */
	if (i->state == INFLIGHT_RESTING && d->until_ns == UNTIL_ONE_ROUND) {
		inflight_say(i, &e);
		demand_fail(d, &e);
		return;
	}
	w = malloc(sizeof *w);
	if (w == NULL) {
		err_set(&e, ENOMEM, "waiting for a chunk");
		demand_fail(d, &e);
		return;
	}
	*w = (struct waiter){ .demand = d, .chunk = i };
	list_push_back(&i->waiters, &w->of_chunk);
	list_push_back(&d->waiters, &w->of_demand);
	d->missing++;
}

void
waiter_done(struct waiter *w, const struct err *failure, struct list *done)
{
	struct demand *d = w->demand;

	waiter_free(w);
	demand_settle_one(d, failure, done);
}

void
demand_end(struct demand *d, const struct err *failure, struct list *done)
{
	if (d->failure.code == 0)
		d->failure = *failure;
	demand_complete(d, done);
}

/* The time is up: say what the sources said last, if they said anything. */
static void
demand_expire(struct demand *d, struct list *done)
{
	struct err e = ERR_INIT;

	err_set(&e, ETIMEDOUT, "layer %s: no answer in time",
	    DIGEST_TEXT(&d->blob->digest));
	list_for_each(l, &d->waiters) {
		struct waiter *w = list_entry(l, struct waiter, of_demand);

		if (w->chunk->failure.code != 0)
			inflight_say(w->chunk, &e);
	}
	demand_end(d, &e, done);
}

/* UNTIL_FOREVER: it has no end. */
static uint64_t
left_of(const struct demand *d, uint64_t now_ns, uint64_t awake_ns)
{
	uint64_t limit =
	    d->limit_ns != NULL ? atomic_load(d->limit_ns) : UNTIL_FOREVER;
	uint64_t left = limit == UNTIL_FOREVER ? UNTIL_FOREVER
					       : limit - min_u64(limit, now_ns);

	if (d->until_ns == UNTIL_ONE_ROUND || d->until_ns == UNTIL_FOREVER)
		return left;
	return min_u64(left, d->until_ns - min_u64(d->until_ns, awake_ns));
}

uint64_t
demands_expire(struct fetcher *f, uint64_t now_ns, struct list *done)
{
	uint64_t awake_ns = awake_look(&f->awake, now_ns), next = UNTIL_FOREVER;

	list_for_each_safe(l, &f->demands) {
		struct demand *d = list_entry(l, struct demand, link);
		uint64_t left = left_of(d, now_ns, awake_ns);

		if (left == 0)
			demand_expire(d, done);
		else if (left != UNTIL_FOREVER)
			next = min_u64(
			    next, now_ns + min_u64(left, AWAKE_TICK_NS));
	}
	return next;
}

void
demands_cancel(struct fetcher *f, const struct err *failure, struct list *done)
{
	list_for_each_safe(l, &f->demands)
		demand_end(list_entry(l, struct demand, link), failure, done);
}

void
demands_finish(struct list *done)
{
	struct list *l;

	while ((l = list_pop_front(done)) != NULL) {
		struct demand *d = list_entry(l, struct demand, link);

		d->finish(d);
	}
}
