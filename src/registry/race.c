#include "registry/race.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "registry/client.h"
#include "registry/exchange.h"
#include "registry/source.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/metrics.h"

enum { ASKED_RESUME = 1, ASKED_CANCEL = 2 };

enum {
	CREDIT_A_READ = 30, /* thousandths of a hedge */
	CREDIT_A_HEDGE = 1000,
	CREDIT_MOST = 10000,
	/* What nobody asked for yet shares the link with what was, and is
	 * late for that alone; but a reader may come who waits for it. */
	SOON_TAIL_MS = 1000,
};

struct lane {
	struct exchange exchange;
	struct race *race;
	bool is_running;
};

struct race {
	struct race_track track;
	char path[sizeof "blobs/" + DIGEST_TEXT_SIZE];
	struct source_gap gaps[SOURCE_MAX_GAPS]; /* a loser outlives the read */
	struct http_job job;
	_Atomic unsigned asked; /* RESUME, CANCEL */

	/* the http thread's */
	struct lane first, second;
	struct lane *winner; /* NULL: who has the next byte */
	struct http_timer timer;
	uint64_t sent_ns; /* the first request */
	uint64_t seen;    /* the first's position when it was looked at */
	bool is_hedged;
	bool is_over; /* the read has had its on_done */
};

static struct lane *
lane_of(struct exchange *x)
{
	return container_of(x, struct lane, exchange);
}

static struct lane *
other_than(const struct lane *l)
{
	struct race *r = l->race;

	return l == &r->first ? &r->second : &r->first;
}

static const struct origin *
host_of(const struct lane *l)
{
	return &l->exchange.hosts->hosts[l->exchange.host].origin;
}

/* ---- the second question ---- */

static bool
spend_credit(struct registry *g)
{
	if (g->hedge_credit < CREDIT_A_HEDGE)
		return false;
	g->hedge_credit -= CREDIT_A_HEDGE;
	return true;
}

static void
earn_credit(struct registry *g)
{
	g->hedge_credit = min_u64(g->hedge_credit + CREDIT_A_READ, CREDIT_MOST);
}

static void
look_later(struct race *r)
{
	struct registry *g = r->track.registry;

	uint64_t tail_ns = origins_tail_ns(&g->origins, host_of(&r->first));

	r->seen = r->first.exchange.range.pos;
	if (r->track.read->priority != SOURCE_NOW)
		tail_ns = max_u64(tail_ns, SOON_TAIL_MS * NS_PER_MS);
	http_set_timer(g->http, &r->timer, tail_ns);
}

/* A bit for each host that may have the blob. */
static uint64_t
may_ask(const struct exchange *x)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < x->hosts->n; i++)
		if ((x->hosts->hosts[i].can & x->needs) == x->needs)
			bits |= (uint64_t)1 << i;
	return bits;
}

static void lane_init(struct lane *l, struct race *r, uint64_t from);

/* Another host, where one has it: the first's is the one that is slow. */
static void
start_second(struct race *r)
{
	const struct exchange *slow = &r->first.exchange;
	struct exchange *x = &r->second.exchange;
	uint64_t others = may_ask(slow) & ~((uint64_t)1 << slow->host);

	lane_init(&r->second, r, slow->range.pos);
	x->hosts = host_list_ref(slow->hosts);
	x->haste = HASTE_ONCE;
	x->is_alone = (others & ~slow->tried) == 0;
	if (!x->is_alone)
		x->tried = slow->tried | (uint64_t)1 << slow->host;
	r->is_hedged = true;
	r->winner = NULL;
	metric_add(METRIC_http_hedged, 1);
	exchange_start(x);
}

static void
on_timer(struct http_timer *t)
{
	struct race *r = container_of(t, struct race, timer);
	const struct exchange *x = &r->first.exchange;

	if (r->is_over || r->is_hedged || !r->first.is_running)
		return;
	if (!x->is_paused && x->range.pos == r->seen &&
	    spend_credit(r->track.registry))
		start_second(r);
	else
		look_later(r);
}

/* ---- bytes ---- */

/* How long the first let its reader wait, also where it lost. */
static void
note_wait(struct race *r)
{
	if (r->sent_ns != 0 && r->first.exchange.hosts != NULL &&
	    r->track.read->priority == SOURCE_NOW)
		origins_note_wait(&r->track.registry->origins,
		    host_of(&r->first),
		    http_now_ns(r->track.registry->http) - r->sent_ns);
	r->sent_ns = 0;
}

/* The other, if it runs, is late now: its on_bytes and on_done are deaf. */
static bool
win(struct lane *l)
{
	struct race *r = l->race;
	struct lane *loser = other_than(l);

	if (r->winner != NULL)
		return r->winner == l;
	note_wait(r);
	r->winner = l;
	if (l == &r->second)
		metric_add(METRIC_http_hedge_wins, 1);
	if (loser->is_running)
		exchange_cancel(&loser->exchange);
	return true;
}

static void
note_giver(struct source_read *read, const struct exchange *x)
{
	uint64_t may = may_ask(x);

	read->gave |= (uint64_t)1 << x->host;
	read->has_others = (may & ~(read->avoid | read->gave)) != 0;
}

static enum source_verdict
on_bytes(struct exchange *x, const void *p, size_t n)
{
	struct lane *l = lane_of(x);
	struct source_read *read = l->race->track.read;

	if (l->race->is_over || !win(l))
		return SOURCE_ABORT;
	note_giver(read, x);
	read->at = x->range.pos;
	return read->on_bytes(read, p, n);
}

static void
on_sent(struct exchange *x)
{
	struct race *r = lane_of(x)->race;

	if (r->sent_ns != 0 || r->is_hedged)
		return;
	r->sent_ns = http_now_ns(r->track.registry->http);
	earn_credit(r->track.registry);
	look_later(r);
}

static void
on_trouble(struct exchange *x, const struct err *why)
{
	struct race *r = lane_of(x)->race;
	struct source_read *read = r->track.read;
	struct err e = *why;

	if (r->is_over || read->on_trouble == NULL)
		return;
	err_wrap(&e, "%s", r->track.name);
	read->on_trouble(read, &e);
}

/* ---- the end ---- */

static void
free_if_done(struct race *r)
{
	struct race_track t = r->track;

	if (!r->is_over || r->first.is_running || r->second.is_running)
		return;
	free(r);
	t.on_over(t.ctx);
}

static void
tell(struct race *r, const struct err *failure)
{
	struct source_read *read = r->track.read;
	struct err e = ERR_INIT;

	if (failure != NULL) {
		e = *failure;
		err_wrap(&e, "%s: blob %.19s", r->track.name,
		    DIGEST_TEXT(&read->blob));
	}
	r->is_over = true;
	http_clear_timer(&r->timer);
	/* Until this returns another thread may still resume or cancel. */
	read->on_done(read, failure != NULL ? &e : NULL);
	http_withdraw(r->track.registry->http, &r->job);
}

/* One that fails leaves the race to the other, unless it had won it, or both
 * were called off. */
static void
on_done(struct exchange *x, const struct err *failure)
{
	struct lane *l = lane_of(x);
	struct race *r = l->race;

	l->is_running = false;
	if (!r->is_over && (r->winner == l || !other_than(l)->is_running)) {
		r->track.read->parts = x->has_shown;
		tell(r, failure);
	}
	exchange_forget(x);
	free_if_done(r);
}

/* ---- from other threads ---- */

static void
run_job(struct http_job *j)
{
	struct race *r = container_of(j, struct race, job);
	unsigned asked = atomic_exchange(&r->asked, 0);
	struct lane *lanes[] = { &r->first, &r->second };

	for (unsigned i = 0; i < 2; i++) {
		struct exchange *x = &lanes[i]->exchange;

		if (lanes[i]->is_running && (asked & ASKED_CANCEL) != 0)
			exchange_cancel(x);
		else if (lanes[i]->is_running && (asked & ASKED_RESUME) != 0)
			exchange_resume(x);
	}
}

static void
ask(struct race *r, unsigned what)
{
	atomic_fetch_or(&r->asked, what);
	http_submit(r->track.registry->http, &r->job);
}

void
race_resume(struct race *r)
{
	ask(r, ASKED_RESUME);
}

void
race_cancel(struct race *r)
{
	ask(r, ASKED_CANCEL);
}

/* ---- its start ---- */

static enum http_class
class_of(enum source_priority p)
{
	switch (p) {
	case SOURCE_NOW:
		return HTTP_URGENT;
	case SOURCE_SOON:
		return HTTP_NORMAL;
	default:
		return HTTP_BULK;
	}
}

static void
lane_init(struct lane *l, struct race *r, uint64_t from)
{
	const struct source_read *read = r->track.read;

	l->race = r;
	l->is_running = true;
	l->exchange = (struct exchange){
		.registry = r->track.registry,
		.namespace = r->track.namespace,
		.repository = r->track.repository,
		.path = r->path,
		.needs = HOST_PULL,
		.avoid = read->avoid,
		.class = class_of(read->priority),
		.is_blob = true,
		.range = { .pos = from,
		    .end = read->off + read->len,
		    .size = read->blob_size,
		    .gaps = r->gaps,
		    .n_gaps = read->n_gaps },
		.needs_range = read->needs_range,
		.haste = read->is_hasty ? HASTE_ONCE : HASTE_NONE,
		.on_bytes = on_bytes,
		.on_done = on_done,
		.on_trouble = on_trouble,
	};
}

struct race *
race_new(const struct race_track *t)
{
	struct race *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->track = *t;
	for (unsigned i = 0; i < t->read->n_gaps; i++)
		r->gaps[i] = t->read->gaps[i];
	snprintf(
	    r->path, sizeof r->path, "blobs/%s", DIGEST_TEXT(&t->read->blob));
	list_init(&r->job.link);
	list_init(&r->timer.link);
	r->job.run = run_job;
	r->timer.fire = on_timer;
	r->second.race = r;
	lane_init(&r->first, r, t->read->off);
	return r;
}

void
race_start(struct race *r)
{
	if (r->track.read->priority != SOURCE_IDLE)
		r->first.exchange.on_sent = on_sent;
	exchange_start(&r->first.exchange);
}
