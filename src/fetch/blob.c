#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/demand.h"
#include "fetch/doubt.h"
#include "fetch/fetcher.h"
#include "fetch/inflight.h"
#include "fetch/plan.h"
#include "fetch/transfer.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"

/* A mirror whose disk is bad may be mended; a lie costs a chunk's digest. */
#define AVOID_NS (600 * NS_PER_S)

uint64_t
backoff_ns(unsigned failures, uint64_t seed)
{
	uint64_t ns = 100 * NS_PER_MS;

	for (unsigned n = 1; n < failures && ns < 5 * NS_PER_S; n++)
		ns *= 2;
	ns = min_u64(ns, 5 * NS_PER_S);
	return ns - ns / 4 + hash_u64(clock_now_ns() ^ seed) % (ns / 2);
}

struct blob *
blob_new(struct fetcher *f, const struct map *m, const struct points *p,
    struct err *e)
{
	struct blob *b = calloc(1, sizeof *b);

	if (b == NULL) {
		err_set(e, ENOMEM, "blob");
		return NULL;
	}
	b->fetcher = f;
	b->digest = *map_blob(m, &b->size);
	b->refs = 1;
	b->map = m;
	b->points = p;
	b->guess.left_bytes = b->size / 100 * f->guess_percent;
	LOCK_SCOPE(&f->lock);
	list_push_back(&f->blobs, &b->link);
	return b;
}

struct blob *
blob_ref(struct blob *b)
{
	LOCK_SCOPE(&b->fetcher->lock);

	b->refs++;
	return b;
}

void
blob_stop_guessing(struct blob *b)
{
	LOCK_SCOPE(&b->fetcher->lock);

	guess_stop(&b->guess);
}

bool
blob_guess(struct blob *b, uint64_t data_off)
{
	LOCK_SCOPE(&b->fetcher->lock);

	return b->map != NULL && guess_file(b, data_off);
}

void
blob_note_read(struct blob *b, uint64_t data_off)
{
	LOCK_SCOPE(&b->fetcher->lock);

	if (b->map != NULL)
		guess_note_read(b, data_off);
}

void
blob_set_kin(struct blob *b, struct kin *take)
{
	LOCK_SCOPE(&b->fetcher->lock);

	guess_set_kin(&b->guess, take);
}

bool
blob_may_guess(struct blob *b)
{
	LOCK_SCOPE(&b->fetcher->lock);

	return b->guess.left_bytes > 0;
}

static void
blob_free_if_unused(struct blob *b)
{
	if (b->refs > 0 || b->holds > 0)
		return;
	hmap_release(&b->inflight);
	guess_stop(&b->guess);
	doubt_release(b);
	free(b);
}

void
blob_hold(struct blob *b)
{
	b->holds++;
}

void
blob_drop(struct blob *b)
{
	b->holds--;
	blob_free_if_unused(b);
}

static void
drop_records(struct blob *b, struct list *records, const struct err *why,
    struct list *done)
{
	list_for_each_safe(l, records) {
		struct inflight *i = list_entry(l, struct inflight, link);

		if (i->blob == b)
			inflight_end(i, why, done);
	}
}

/* Lock held.  From here on nothing looks at the map, and nothing new is
 * written; what waits hears ECANCELED. */
static void
blob_close(struct blob *b, struct list *done)
{
	struct fetcher *f = b->fetcher;
	struct err e = ERR_INIT;

	err_set(&e, ECANCELED, "layer %s was closed", DIGEST_TEXT(&b->digest));
	b->map = NULL;
	list_remove(&b->link);
	list_for_each_safe(l, &f->demands) {
		struct demand *d = list_entry(l, struct demand, link);

		if (d->blob == b)
			demand_end(d, &e, done);
	}
	for (int p = 0; p < PRIORITIES; p++)
		drop_records(b, &f->queue[p], &e, done);
	drop_records(b, &f->resting, &e, done);
	while (b->writing > 0)
		cond_wait(&f->quiet, &f->lock);
}

void
blob_unref(struct blob *b)
{
	struct source *sources[MAX_SOURCES];
	struct fetcher *f;
	struct list done;
	unsigned n = 0;

	if (b == NULL)
		return;
	f = b->fetcher;
	list_init(&done);
	lock_acquire(&f->lock);
	if (b->refs == 1) {
		blob_hold(b);
		blob_close(b, &done);
		for (; n < b->n_origins; n++)
			sources[n] = b->origins[n].source;
		b->n_origins = 0;
		b->holds--;
	}
	b->refs--;
	blob_free_if_unused(b);
	lock_release(&f->lock);
	transfers_cancel(f);
	for (unsigned i = 0; i < n; i++)
		source_unref(sources[i]);
	demands_finish(&done);
}

bool
blob_begin_write(struct blob *b)
{
	LOCK_SCOPE(&b->fetcher->lock);

	if (b->map == NULL)
		return false;
	b->writing++;
	return true;
}

void
blob_end_write(struct blob *b)
{
	if (--b->writing == 0)
		cond_broadcast(&b->fetcher->quiet);
}

/* ---- objects ---- */

static bool
is_of(uint32_t chunk, const struct object *o)
{
	return chunk >= o->first_chunk && chunk - o->first_chunk < o->n_chunks;
}

/* Objects and their chunks ascend together; who asks mostly goes from one chunk
 * to the next, so the last answer and the one after it are tried first. */
void
blob_object_of(struct blob *b, uint32_t chunk, struct object *o)
{
	uint32_t lo = 0, hi = map_n_objects(b->map);

	for (uint32_t i = b->last_object; i < hi && i <= b->last_object + 1;
	     i++) {
		map_object(b->map, i, o);
		if (is_of(chunk, o)) {
			b->last_object = i;
			return;
		}
	}
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		map_object(b->map, mid, o);
		if (o->first_chunk <= chunk)
			lo = mid;
		else
			hi = mid;
	}
	b->last_object = lo;
	map_object(b->map, lo, o);
}

void
blob_look(void *blob, uint32_t rank, struct plan_chunk *out)
{
	struct blob *b = blob;
	uint32_t number = map_chunk_in_blob_order(b->map, rank);
	struct object o;
	struct chunk c;

	map_chunk(b->map, number, &c);
	blob_object_of(b, number, &o);
	*out = (struct plan_chunk){
		.blob_off = c.blob_off,
		.object_size = o.size,
		.object = o.first_chunk,
		.blob_len = c.blob_len,
		.state =
		    inflight_is_absent(b, number) ? PLAN_ABSENT : PLAN_THERE,
	};
}

/* ---- sources ---- */

/* Lock held.  n_origins: none has the name. */
static unsigned
find_source(const struct blob *b, const char *name)
{
	unsigned i = 0;

	while (i < b->n_origins &&
	       strcmp(source_name(b->origins[i].source), name) != 0)
		i++;
	return i;
}

/* Lock held.  *old: the one that was replaced, or NULL. */
static int
set_source(struct blob *b, struct source *s, struct source **old, struct err *e)
{
	unsigned i = find_source(b, source_name(s));

	if (i == MAX_SOURCES)
		return err_set(
		    e, E2BIG, "more than %d sources for a blob", MAX_SOURCES);
	if (i == b->n_origins)
		b->n_origins++;
	*old = b->origins[i].source;
	b->origins[i] = (struct origin){
		.source = source_ref(s),
		.link = links_find(&b->fetcher->links, source_name(s)),
	};
	return 0;
}

int
blob_add_source(struct blob *b, struct source *s, struct err *e)
{
	struct fetcher *f = b->fetcher;
	struct source *old = NULL;
	int rc;

	lock_acquire(&f->lock);
	rc = set_source(b, s, &old, e);
	list_for_each_safe(l, &f->resting) {
		struct inflight *i = list_entry(l, struct inflight, link);

		if (i->blob == b)
			inflight_requeue(i);
	}
	lock_release(&f->lock);
	if (old != NULL)
		source_unref(old);
	return rc;
}

unsigned
blob_n_sources(struct blob *b)
{
	LOCK_SCOPE(&b->fetcher->lock);

	return b->n_origins;
}

unsigned
blob_take_sources(struct blob *b, struct source **out, unsigned room)
{
	LOCK_SCOPE(&b->fetcher->lock);
	unsigned n = min_u64(b->n_origins, room);

	for (unsigned i = 0; i < n; i++)
		out[i] = source_ref(b->origins[i].source);
	return n;
}

bool
blob_has_source(struct blob *b, const char *name)
{
	LOCK_SCOPE(&b->fetcher->lock);

	return find_source(b, name) < b->n_origins;
}

bool
blob_is_reachable(struct blob *b)
{
	LOCK_SCOPE(&b->fetcher->lock);

	for (unsigned i = 0; i < b->n_origins; i++)
		if (b->origins[i].failures == 0)
			return true;
	return false;
}

bool
blob_has_untried(const struct blob *b, uint32_t tried)
{
	for (unsigned i = 0; i < b->n_origins; i++)
		if ((tried & 1u << i) == 0)
			return true;
	return false;
}

int
blob_pick_origin(const struct blob *b, uint32_t tried, uint64_t now_ns)
{
	uint64_t best_rest = UINT64_MAX;
	int best = -1;

	for (unsigned i = 0; i < b->n_origins; i++) {
		const struct origin *o = &b->origins[i];
		uint64_t rest =
		    o->rest_until_ns > now_ns ? o->rest_until_ns : 0;

		if ((tried & 1u << i) == 0 && rest < best_rest) {
			best = (int)i;
			best_rest = rest;
		}
	}
	return best;
}

void
blob_origin_answered(
    struct blob *b, unsigned origin, bool is_good, uint64_t now_ns)
{
	struct origin *o = &b->origins[origin];

	o->failures = is_good ? 0 : o->failures + 1;
	o->rest_until_ns =
	    is_good ? 0 : now_ns + backoff_ns(o->failures, origin);
}

void
blob_avoid(struct blob *b, unsigned origin, uint64_t gave)
{
	struct origin *o = &b->origins[origin];

	o->avoid = blob_avoided(b, origin) | gave;
	o->avoid_until_ns = clock_now_ns() + AVOID_NS;
}

uint64_t
blob_avoided(const struct blob *b, unsigned origin)
{
	const struct origin *o = &b->origins[origin];

	return clock_now_ns() < o->avoid_until_ns ? o->avoid : 0;
}
