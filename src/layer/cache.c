#include "layer/cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "layer/catalog.h"
#include "layer/evict.h"
#include "layer/look.h"
#include "layer/prune.h"
#include "layer/starts.h"
#include "store/evict.h"
#include "store/room.h"
#include "base/awake.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "base/thread.h"

enum {
	HIGH_PERCENT = 95,
	LOW_PERCENT = 85,
	DAY_S = 24 * 3600,
};

#define LOOK_NS (5 * NS_PER_S)
#define AGE_NS (60 * NS_PER_S)
#define STARTS_NS (60 * NS_PER_S)
#define PURGE_NS (3600 * NS_PER_S)
/* How long to leave it alone when nothing could go. */
#define REST_NS (NS_PER_S / 2)
#define WARN_NS (60 * NS_PER_S)
/* Who waits for room waits no longer than this. */
#define PATIENCE_NS (5 * NS_PER_S)
/* What a full disk is given at once, at most. */
#define FULL_BYTES MIB(64)

/* What came of one look. */
struct round {
	uint64_t freed;
	bool is_in_vain;  /* it was too much, and nothing could go */
	bool was_removal; /* in its place images were removed */
};

struct cache {
	struct catalog *catalog;
	struct store *store;
	struct cache_options options;
	struct starts starts;
	struct store_room room;
	pthread_t thread;

	/* the thread's own */
	uint64_t age_at_ns, purge_at_ns, starts_at_ns, warn_at_ns;
	struct task purging;

	struct lock lock; /* RANK_LEAF, guards what follows */
	struct cond asked, done;
	bool is_stopping, is_purging;
	bool is_asked, is_full;
	uint64_t begun, ended; /* rounds */
	struct round last;
	uint64_t rest_until_ns;
};

/* ---- how much is too much ---- */

void
cache_look(struct cache *x, struct cache_state *out)
{
	uint64_t quota = x->options.quota_bytes;
	struct store_disk disk;

	store_disk(x->store, &disk);
	*out = (struct cache_state){
		.quota_bytes = quota,
		.high_bytes = quota / 100 * HIGH_PERCENT,
		.low_bytes = quota / 100 * LOW_PERCENT,
		.used_bytes = store_disk_bytes(x->store),
		.min_free_bytes =
		    disk.size_bytes / 100 * x->options.min_free_percent,
		.free_bytes = disk.free_bytes,
	};
	LOCK_SCOPE(&x->lock);
	out->is_over = x->last.is_in_vain;
}

static uint64_t
bytes_too_many(struct cache *x, bool is_full)
{
	struct cache_state s;
	uint64_t need = 0;

	cache_look(x, &s);
	if (s.quota_bytes > 0 && s.used_bytes >= s.high_bytes)
		need = s.used_bytes - s.low_bytes;
	if (s.free_bytes < s.min_free_bytes)
		need = max_u64(need,
		    s.min_free_bytes + s.min_free_bytes / 10 - s.free_bytes);
	/* Not all of a small store for one write. */
	if (is_full)
		need = max_u64(need,
		    max_u64(min_u64(FULL_BYTES, s.used_bytes / 4), MIB(1)));
	return need;
}

/* What goes last should be known before something has to. */
static bool
is_near(struct cache *x)
{
	struct cache_state s;

	cache_look(x, &s);
	return (s.quota_bytes > 0 && s.used_bytes >= s.quota_bytes / 2) ||
	       s.free_bytes < 2 * s.min_free_bytes;
}

/* ---- a round ---- */

static void
warn_of_bounds(struct cache *x, bool is_full)
{
	uint64_t now = clock_now_ns();
	struct cache_state s;
	bool is_over_quota, lacks_free;

	cache_look(x, &s);
	is_over_quota = s.quota_bytes > 0 && s.used_bytes >= s.high_bytes;
	lacks_free = s.free_bytes < s.min_free_bytes;
	/* A removal may have made room meanwhile. */
	if (now < x->warn_at_ns || (!is_full && !is_over_quota && !lacks_free))
		return;
	x->warn_at_ns = now + WARN_NS;
	if (is_full)
		log_error("the disk is full, and nothing of the store may be "
			  "dropped: what is read and not here fails until "
			  "there is space");
	else if (is_over_quota)
		log_warn("the store takes %s, its quota is %s: what is left "
			 "is pinned, only to be read whole, or out of reach",
		    SIZE_TEXT(s.used_bytes), SIZE_TEXT(s.quota_bytes));
	else
		log_warn("only %s of the disk are free: nothing of the store "
			 "is left to be dropped",
		    SIZE_TEXT(s.free_bytes));
}

/* Evicts until it is enough or nothing goes any more. */
static struct round
run_round(struct cache *x, bool is_full)
{
	struct evict_request q = { .is_full = is_full,
		.need_bytes = bytes_too_many(x, is_full),
		.start = &x->starts.list };
	struct round r = { 0 };
	uint64_t once = 1;
	struct err e = ERR_INIT;

	while (q.need_bytes > 0 && once > 0) {
		if (catalog_evict(x->catalog, &q, &once, &e) < 0) {
			/* EAGAIN: a removal, which makes room by itself. */
			if (e.code != EAGAIN)
				log_warn("%s", e.msg);
			else
				r.was_removal =
				    look_wait(x->catalog, PATIENCE_NS);
			return r;
		}
		r.freed += once;
		if (once >= q.need_bytes)
			q.need_bytes = bytes_too_many(x, false);
		else
			q.need_bytes -= once;
	}
	if (r.freed > 0)
		log_info("%s of data dropped to make room", SIZE_TEXT(r.freed));
	r.is_in_vain =
	    once == 0 && bytes_too_many(x, is_full && r.freed == 0) > 0;
	if (r.is_in_vain)
		warn_of_bounds(x, is_full);
	return r;
}

/* ---- what time brings ---- */

static void
say_pruned(void *ctx, const struct known_image *k)
{
	(void)ctx;
	log_info("%s: not used for long, goes", k->label);
}

/* On the thread that removes images: this one is waited for by who makes a
 * layer, and a removal that is to begin waits for that. */
static void
purge(struct task *t)
{
	struct cache *x = container_of(t, struct cache, purging);
	struct prune_request q = {
		.unused_s = (int64_t)x->options.unused_days * DAY_S,
		.on_image = say_pruned,
	};
	struct err e = ERR_INIT;
	uint64_t freed;

	if (catalog_prune(x->catalog, &q, &freed, &e) < 0)
		log_warn(
		    "removing images that were not used for long: %s", e.msg);
	LOCK_SCOPE(&x->lock);
	x->is_purging = false;
}

static void
start_purge(struct cache *x)
{
	bool was_purging;

	lock_acquire(&x->lock);
	was_purging = x->is_purging;
	x->is_purging = true;
	lock_release(&x->lock);
	if (was_purging)
		return;
	x->purging.run = purge;
	catalog_submit(x->catalog, &x->purging);
}

static void
do_timely(struct cache *x)
{
	uint64_t now = clock_now_ns();

	if (now >= x->age_at_ns) {
		x->age_at_ns = now + AGE_NS;
		store_age(x->store);
	}
	if (now >= x->starts_at_ns && is_near(x)) {
		x->starts_at_ns = now + STARTS_NS;
		starts_refresh(&x->starts);
	}
	if (x->options.unused_days > 0 && now >= x->purge_at_ns) {
		x->purge_at_ns = now + PURGE_NS;
		start_purge(x);
	}
}

/* ---- the thread ---- */

/* Lock held, but not while it works. */
static void
do_round(struct cache *x)
{
	bool is_full = x->is_full;
	struct round r;

	x->is_asked = x->is_full = false;
	x->begun++;
	lock_release(&x->lock);
	r = run_round(x, is_full);
	do_timely(x);
	lock_acquire(&x->lock);
	x->ended = x->begun;
	x->last = r;
	if (r.is_in_vain)
		x->rest_until_ns = clock_now_ns() + REST_NS;
	cond_broadcast(&x->done);
}

static void *
cache_main(void *arg)
{
	struct cache *x = arg;
	LOCK_SCOPE(&x->lock);

	while (!x->is_stopping) {
		do_round(x);
		while (!x->is_stopping && !x->is_asked)
			if (!cond_wait_until(
				&x->asked, &x->lock, clock_now_ns() + LOOK_NS))
				break;
	}
	return NULL;
}

/* Lock held. */
static bool
ask(struct cache *x, bool is_full)
{
	if (x->is_stopping || clock_now_ns() < x->rest_until_ns)
		return false;
	x->is_asked = true;
	x->is_full = x->is_full || is_full;
	cond_signal(&x->asked);
	return true;
}

static void
on_pressure(void *ctx)
{
	struct cache *x = ctx;
	LOCK_SCOPE(&x->lock);

	ask(x, false);
}

/* Waits for a round that began after the question. */
static bool
make_room(void *ctx, bool is_full)
{
	struct cache *x = ctx;
	struct awake awake = { 0 };
	uint64_t until = awake_now_ns(&awake) + PATIENCE_NS, round;
	LOCK_SCOPE(&x->lock);

	metric_add(METRIC_cache_disk_full, is_full);
	if (!ask(x, is_full))
		return false;
	round = x->begun + 1;
	while (x->ended < round && !x->is_stopping)
		if (!cond_wait_awake(&x->done, &x->lock, &awake, until))
			return false;
	return x->last.freed > 0 || x->last.was_removal;
}

/* ---- life ---- */

static void
set_room(struct cache *x)
{
	uint64_t quota = x->options.quota_bytes;

	x->room = (struct store_room){
		.high_bytes =
		    quota > 0 ? quota / 100 * HIGH_PERCENT : UINT64_MAX,
		.max_bytes = quota > 0 ? quota : UINT64_MAX,
		.on_pressure = on_pressure,
		.make = make_room,
		.ctx = x,
	};
	store_set_room(x->store, &x->room);
}

struct cache *
cache_new(struct catalog *c, const struct cache_options *o, struct err *e)
{
	struct cache *x = calloc(1, sizeof *x);

	if (x == NULL) {
		err_set(e, ENOMEM, "cache");
		return NULL;
	}
	x->catalog = c;
	x->store = catalog_parts(c)->store;
	x->options = *o;
	starts_init(&x->starts, c);
	lock_init(&x->lock, RANK_LEAF);
	cond_init(&x->asked);
	cond_init(&x->done);
	if (thread_start(&x->thread, "cache", cache_main, x, e) < 0) {
		x->is_stopping = true;
		cache_free(x);
		return NULL;
	}
	set_room(x);
	return x;
}

void
cache_stop(struct cache *x)
{
	if (x == NULL)
		return;
	lock_acquire(&x->lock);
	x->is_stopping = true;
	cond_broadcast(&x->asked);
	cond_broadcast(&x->done);
	lock_release(&x->lock);
	pthread_join(x->thread, NULL);
}

void
cache_free(struct cache *x)
{
	if (x == NULL)
		return;
	store_set_room(x->store, NULL);
	starts_release(&x->starts);
	cond_destroy(&x->done);
	cond_destroy(&x->asked);
	lock_destroy(&x->lock);
	free(x);
}
