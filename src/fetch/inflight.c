#include "fetch/inflight.h"

#include <errno.h>
#include <stdlib.h>

#include "fetch/demand.h"
#include "fetch/doubt.h"
#include "fetch/fetcher.h"
#include "store/store.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/metrics.h"

struct inflight *
inflight_find(const struct blob *b, uint32_t chunk)
{
	hmap_for_each_match(&b->inflight, hash_u64(chunk), n) {
		struct inflight *i = container_of(n, struct inflight, node);

		if (i->number == chunk)
			return i;
	}
	return NULL;
}

static bool
is_present(const struct blob *b, const struct object *o, const struct chunk *c)
{
	return store_holds(
	    b->fetcher->store, o->data_off + c->object_off, c->len);
}

bool
inflight_is_absent(struct blob *b, uint32_t chunk)
{
	struct object o;
	struct chunk c;

	if (inflight_find(b, chunk) != NULL)
		return false;
	map_chunk(b->map, chunk, &c);
	blob_object_of(b, chunk, &o);
	return !is_present(b, &o, &c);
}

static void
to_queue(struct inflight *i, bool first)
{
	struct list *q = &i->blob->fetcher->queue[i->priority];

	list_remove(&i->link);
	if (first)
		list_push_front(q, &i->link);
	else
		list_push_back(q, &i->link);
	i->state = INFLIGHT_QUEUED;
	fetcher_wake(i->blob->fetcher);
}

static struct inflight *
inflight_new(struct blob *b, const struct object *o, const struct chunk *c,
    uint32_t number, struct err *e)
{
	struct inflight *i = calloc(1, sizeof *i);

	if (i == NULL) {
		err_set(e, ENOMEM, "fetching a chunk");
		return NULL;
	}
	list_init(&i->link);
	list_init(&i->waiters);
	i->blob = b;
	i->chunk = *c;
	i->number = number;
	i->data_off = o->data_off + c->object_off;
	i->is_end = c->object_off + c->len == o->size;
	hmap_insert(&b->inflight, &i->node, hash_u64(number));
	blob_hold(b);
	return i;
}

static struct inflight *
inflight_join(struct inflight *i, enum source_priority priority)
{
	if (priority < i->priority) {
		i->priority = priority;
		if (i->state == INFLIGHT_QUEUED)
			to_queue(i, false);
	}
	return i;
}

static struct inflight *
queue_new(struct blob *b, const struct object *o, const struct chunk *c,
    uint32_t number, enum source_priority priority, struct err *e)
{
	struct inflight *i =
	    is_present(b, o, c) ? NULL : inflight_new(b, o, c, number, e);

	if (i != NULL) {
		i->priority = priority;
		to_queue(i, false);
	}
	return i;
}

/* Zeros cost nothing, so they come with what lies beside them: the kernel reads a
 * little further one day than it did the other, and nothing should wait for that. */
static void
queue_zeros(struct blob *b, const struct object *o, uint32_t number)
{
	struct err ignored;
	struct chunk c;

	if (number < o->first_chunk || number >= o->first_chunk + o->n_chunks ||
	    inflight_find(b, number) != NULL)
		return;
	map_chunk(b->map, number, &c);
	if (c.codec == CHUNK_ZEROS)
		queue_new(b, o, &c, number, SOURCE_SOON, &ignored);
}

struct inflight *
inflight_queue(struct blob *b, uint32_t chunk, enum source_priority priority,
    struct err *e)
{
	struct inflight *i = inflight_find(b, chunk);
	struct object o;
	struct chunk c;

	if (i != NULL)
		return inflight_join(i, priority);
	map_chunk(b->map, chunk, &c);
	blob_object_of(b, chunk, &o);
	i = queue_new(b, &o, &c, chunk, priority, e);
	if (i != NULL && c.codec != CHUNK_ZEROS) {
		queue_zeros(b, &o, chunk + 1);
		if (chunk > 0)
			queue_zeros(b, &o, chunk - 1);
	}
	return i;
}

void
inflight_run(struct inflight *i)
{
	list_remove(&i->link);
	i->state = INFLIGHT_RUNNING;
}

void
inflight_requeue(struct inflight *i)
{
	to_queue(i, true);
}

void
inflight_end(struct inflight *i, const struct err *failure, struct list *done)
{
	struct blob *b = i->blob;

	/* A demand that ends takes its other waiters along. */
	while (!list_is_empty(&i->waiters))
		waiter_done(
		    list_entry(i->waiters.next, struct waiter, of_chunk),
		    failure, done);
	list_remove(&i->link);
	hmap_remove(&b->inflight, &i->node);
	free(i);
	blob_drop(b);
}

void
inflight_say(const struct inflight *i, struct err *out)
{
	*out = i->failure;
	if (i->blob->lie != NULL && i->corrupt > 0)
		err_wrap(out, "%s", i->blob->lie);
	err_wrap(out, "layer %s, chunk %s", DIGEST_TEXT(&i->blob->digest),
	    DIGEST_TEXT(&i->chunk.digest));
}

static void
inflight_fail(struct inflight *i, struct list *done)
{
	struct err e;

	metric_add(METRIC_fetch_failed, 1);
	inflight_say(i, &e);
	inflight_end(i, &e, done);
}

static void
inflight_cancel(struct inflight *i, struct list *done)
{
	struct err e = ERR_INIT;

	err_set(&e, ECANCELED, "the layer was closed");
	inflight_end(i, &e, done);
}

static void
corrupted(struct inflight *i, unsigned origin, struct list *done)
{
	metric_add(METRIC_fetch_corrupt, 1);
	blob_origin_answered(i->blob, origin, false, clock_now_ns());
	blob_avoid(i->blob, origin, i->gave);
	if (++i->corrupt >= CORRUPT_TRIES || i->blob->lie != NULL) {
		doubt_note(i);
		inflight_fail(i, done);
		return;
	}
	i->is_corrupt = false;
	i->tried |= 1u << origin;
	if (!blob_has_untried(i->blob, i->tried))
		i->tried = 0;
	inflight_requeue(i);
}

void
inflight_settle(struct inflight *i, unsigned origin, struct list *done)
{
	if (i->is_stored) {
		metric_add(METRIC_fetch_chunks, 1);
		metric_add(METRIC_fetch_bytes, i->chunk.len);
		inflight_end(i, NULL, done);
	} else if (i->blob->map == NULL) {
		inflight_cancel(i, done);
	} else if (i->is_corrupt) {
		corrupted(i, origin, done);
	} else {
		inflight_fail(i, done);
	}
}

/* Every source was tried once: those who did not want more hear of it. */
static void
end_of_round(struct inflight *i, struct list *done)
{
	struct err e;

	inflight_say(i, &e);
	/* A demand waits once for a chunk: the next link stays. */
	list_for_each_safe(l, &i->waiters) {
		struct waiter *w = list_entry(l, struct waiter, of_chunk);

		if (w->demand->until_ns == UNTIL_ONE_ROUND)
			waiter_done(w, &e, done);
	}
	if (list_is_empty(&i->waiters)) {
		metric_add(METRIC_fetch_failed, 1);
		inflight_end(i, NULL, done);
		return;
	}
	i->tried = 0;
	i->rest_until_ns = clock_now_ns() + backoff_ns(++i->rounds, i->number);
	i->state = INFLIGHT_RESTING;
	list_remove(&i->link);
	list_push_back(&i->blob->fetcher->resting, &i->link);
	fetcher_wake(i->blob->fetcher);
}

void
inflight_missed(struct inflight *i, int origin, const struct err *failure,
    struct list *done)
{
	if (i->blob->map == NULL) {
		inflight_cancel(i, done);
		return;
	}
	i->failure = *failure;
	if (origin >= 0)
		i->tried |= 1u << origin;
	if (blob_has_untried(i->blob, i->tried))
		inflight_requeue(i);
	else
		end_of_round(i, done);
}

uint64_t
inflight_wake(struct fetcher *f, uint64_t now_ns)
{
	uint64_t next = UNTIL_FOREVER;

	list_for_each_safe(l, &f->resting) {
		struct inflight *i = list_entry(l, struct inflight, link);

		if (i->rest_until_ns <= now_ns)
			inflight_requeue(i);
		else
			next = min_u64(next, i->rest_until_ns);
	}
	return next;
}
