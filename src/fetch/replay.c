#include "fetch/replay.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/demand.h"
#include "fetch/fetcher.h"
#include "fetch/head.h"
#include "fetch/inflight.h"
#include "fetch/intake.h"
#include "fetch/piece.h"
#include "fetch/transfer.h"
#include "format/format.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/pool.h"

struct replaying {
	struct transfer transfer;
	struct intake intake;
	struct task task;
	_Atomic uint64_t gave; /* as in source_read, so far */

	/* guarded by fetcher->lock */
	struct list ahead;  /* inflight.link: will pass */
	struct list behind; /* came too late */
	uint32_t rank;      /* chunks below have passed */
	bool is_stepping;   /* the task is queued or runs */

	/* the task's own */
	struct head head;
	struct replay *decoder;
	struct inflight *current; /* being gathered */
	uint8_t *bytes;           /* its decoded bytes so far */
	uint32_t have;
	bool is_over; /* nothing more is wanted */
	struct err failure;
};

static struct replaying *
replaying_of(struct source_read *sr)
{
	return container_of(container_of(sr, struct transfer, read),
	    struct replaying, transfer);
}

static struct fetcher *
fetcher_of(const struct replaying *r)
{
	return r->transfer.blob->fetcher;
}

/* ---- who waits ---- */

static void
add_record(struct replaying *r, struct inflight *i)
{
	bool will_pass = map_blob_rank(i->blob->map, i->number) >= r->rank;

	inflight_run(i);
	list_push_back(will_pass ? &r->ahead : &r->behind, &i->link);
}

bool
replay_join(struct inflight *i)
{
	if (i->blob->replay == NULL)
		return false;
	add_record(i->blob->replay, i);
	return true;
}

/* Lock held.  Who was asked for and has had no turn yet, because slots were
 * taken or the fetch thread was busy: without them it would end too early, and
 * the next would read the blob from its start again. */
static void
join_queued(struct replaying *r)
{
	hmap_for_each(&r->transfer.blob->inflight, n) {
		struct inflight *i = container_of(n, struct inflight, node);

		if (i->state == INFLIGHT_QUEUED &&
		    i->chunk.codec == CHUNK_STREAM &&
		    i->priority != SOURCE_IDLE)
			add_record(r, i);
	}
}

/* ---- cutting the stream into chunks ---- */

/* Lock held.  The record of the next chunk in the blob's order that starts at
 * stream_off or later and is missing, for us alone. */
static struct inflight *
next_record(struct replaying *r, uint64_t stream_off)
{
	struct blob *b = r->transfer.blob;
	uint32_t n = b->map != NULL ? map_n_chunks(b->map) : 0;
	struct err e = ERR_INIT;

	if (list_is_empty(&r->ahead))
		join_queued(r);
	if (list_is_empty(&r->ahead) && b->fills == 0)
		r->rank = UINT32_MAX; /* who comes now is too late */
	while (r->rank < n) {
		uint32_t number = map_chunk_in_blob_order(b->map, r->rank++);
		struct inflight *i;
		struct chunk c;

		map_chunk(b->map, number, &c);
		if (c.codec != CHUNK_STREAM || c.blob_off < stream_off)
			continue;
		i = inflight_queue(b, number, SOURCE_SOON, &e);
		if (i != NULL) {
			inflight_run(i);
			return i;
		}
	}
	return NULL;
}

static int
begin_chunk(struct replaying *r, uint64_t stream_off, struct err *e)
{
	struct fetcher *f = fetcher_of(r);

	lock_acquire(&f->lock);
	r->current = next_record(r, stream_off);
	lock_release(&f->lock);
	r->have = 0;
	if (r->current == NULL) {
		r->is_over = true;
		return 0;
	}
	if ((r->bytes = malloc(r->current->chunk.len)) == NULL)
		return err_set(e, ENOMEM, "replaying a layer");
	return 0;
}

static void
end_chunk(struct replaying *r)
{
	struct fetcher *f = fetcher_of(r);
	struct inflight *i = take_ptr(&r->current);
	AUTO_FREE uint8_t *bytes = take_ptr(&r->bytes);
	struct list done;
	bool may_write = blob_begin_write(i->blob);

	list_init(&done);
	i->gave = r->gave;
	if (may_write)
		chunk_store(i, bytes, false);
	lock_acquire(&f->lock);
	if (may_write)
		blob_end_write(i->blob);
	inflight_settle(i, r->transfer.origin, &done);
	lock_release(&f->lock);
	demands_finish(&done);
}

/* Takes what it wants of the n bytes: how many of them it is through with. */
static size_t
take_some(struct replaying *r, uint64_t stream_off, const uint8_t *p, size_t n)
{
	const struct chunk *c = &r->current->chunk;
	uint64_t at = c->blob_off + r->have;
	size_t take;

	if (stream_off < at)
		return min_u64(n, at - stream_off);
	take = min_u64(n, c->len - r->have);
	memcpy(r->bytes + r->have, p, take);
	r->have += take;
	if (r->have == c->len)
		end_chunk(r);
	return take;
}

static int
take(void *ctx, uint64_t stream_off, const void *p, size_t n)
{
	struct replaying *r = ctx;
	const uint8_t *bytes = p;

	while (n > 0) {
		size_t took;

		if (r->current == NULL &&
		    begin_chunk(r, stream_off, &r->failure) < 0)
			return -1;
		if (r->is_over)
			return 1;
		took = take_some(r, stream_off, bytes, n);
		stream_off += took;
		bytes += took;
		n -= took;
	}
	return 0;
}

/* ---- the end ---- */

/* Lock held.  What should have passed and did not. */
static void
settle(struct replaying *r, struct inflight *i, struct list *done)
{
	if (r->failure.code == 0)
		err_set(&r->failure, EBADMSG, "the blob ends before it");
	if (r->failure.code != EBADMSG) {
		inflight_missed(i, (int)r->transfer.origin, &r->failure, done);
		return;
	}
	i->failure = r->failure;
	i->gave = r->gave;
	i->is_corrupt = true;
	inflight_settle(i, r->transfer.origin, done);
}

/* The read has ended and everything was looked at; frees r. */
static void
finish(struct replaying *r)
{
	struct fetcher *f = fetcher_of(r);
	struct err why = r->failure;
	struct list done, *l;

	list_init(&done);
	lock_acquire(&f->lock);
	r->transfer.blob->replay = NULL;
	if (r->current != NULL)
		settle(r, r->current, &done);
	while ((l = list_pop_front(&r->ahead)) != NULL)
		settle(r, list_entry(l, struct inflight, link), &done);
	while ((l = list_pop_front(&r->behind)) != NULL) {
		struct inflight *i = list_entry(l, struct inflight, link);

		if (i->blob->map != NULL)
			inflight_requeue(i);
		else
			settle(r, i, &done);
	}
	transfer_end(&r->transfer, why.code == 0 ? NULL : &why);
	lock_release(&f->lock);
	demands_finish(&done);
}

static void
replaying_free(struct transfer *t)
{
	struct replaying *r = container_of(t, struct replaying, transfer);

	replay_free(r->decoder);
	intake_release(&r->intake);
	free(r->bytes);
	free(r);
}

/* ---- the bytes ---- */

static int
feed(void *ctx, const struct format *f, const void *p, size_t n, struct err *e)
{
	struct replaying *r = ctx;

	if (r->decoder == NULL && (r->decoder = replay_new(f, e)) == NULL)
		return -1;
	return replay_feed(r->decoder, p, n, take, r, e);
}

/* Nothing more is wanted of the source. */
static void
stop(struct replaying *r)
{
	intake_close(&r->intake);
	if (guard_enter(&r->transfer.guard)) {
		source_cancel(r->transfer.source, &r->transfer.read);
		guard_leave(&r->transfer.guard);
	}
}

static void
consume(struct replaying *r, const struct parcel *p)
{
	struct err e = ERR_INIT;
	bool was_over = r->is_over;

	if (was_over)
		return;
	if (head_feed(&r->head, p->bytes, p->len, feed, r, &e) < 0 &&
	    r->failure.code == 0)
		r->failure = e;
	if (r->failure.code != 0)
		r->is_over = true;
	if (r->is_over)
		stop(r);
}

/* The source has nothing more to give: what it said counts unless we stopped
 * it. */
static void
last_words(struct replaying *r)
{
	struct err e = ERR_INIT;

	if (r->is_over)
		return;
	if (r->intake.failure.code != 0)
		r->failure = r->intake.failure;
	else if (head_end(&r->head, feed, r, &e) < 0)
		r->failure = e;
}

/* Lock held.  The task goes on, or sleeps until the next bytes. */
static bool
has_more(struct replaying *r)
{
	struct intake *in = &r->intake;
	LOCK_SCOPE(&in->lock);

	r->is_stepping = !list_is_empty(&in->parcels) || in->has_ended;
	return r->is_stepping;
}

static void
step(struct task *t)
{
	struct replaying *r = container_of(t, struct replaying, task);
	struct fetcher *f = fetcher_of(r);
	unsigned priority = r->transfer.read.priority;
	bool resume, more;
	AUTO_FREE struct parcel *p = intake_take(&r->intake, &resume);

	if (resume)
		transfer_resume(&r->transfer);
	if (p != NULL) {
		consume(r, p);
	} else if (intake_has_ended(&r->intake)) {
		last_words(r);
		finish(r);
		return;
	}
	lock_acquire(&f->lock);
	more = has_more(r);
	lock_release(&f->lock);
	if (more)
		pool_submit(f->decoders, &r->task, priority);
}

static void
wake(struct replaying *r)
{
	struct fetcher *f = fetcher_of(r);
	unsigned priority = r->transfer.read.priority;
	bool was_stepping;

	lock_acquire(&f->lock);
	was_stepping = r->is_stepping;
	r->is_stepping = true;
	lock_release(&f->lock);
	if (!was_stepping)
		pool_submit(f->decoders, &r->task, priority);
}

static enum source_verdict
on_bytes(struct source_read *sr, const void *p, size_t n)
{
	struct replaying *r = replaying_of(sr);
	bool is_first;
	enum source_verdict v;

	r->gave = sr->gave;
	v = intake_put(&r->intake, p, n, &is_first);
	if (v == SOURCE_CONTINUE)
		transfer_note_bytes(&r->transfer, n);
	if (is_first)
		wake(r);
	return v;
}

/* Once intake_end() was called, a running task may finish and end the transfer
 * before wake() looks: so they happen together. */
static void
on_done(struct source_read *sr, const struct err *failure)
{
	struct replaying *r = replaying_of(sr);
	struct fetcher *f = fetcher_of(r);
	unsigned priority = r->transfer.read.priority;
	bool was_stepping;

	transfer_stop(&r->transfer);
	lock_acquire(&f->lock);
	intake_end(&r->intake, failure);
	was_stepping = r->is_stepping;
	r->is_stepping = true;
	lock_release(&f->lock);
	if (!was_stepping)
		pool_submit(f->decoders, &r->task, priority);
}

struct transfer *
replay_start(struct inflight *i, unsigned origin)
{
	struct replaying *r = calloc(1, sizeof *r);
	struct blob *b = i->blob;

	if (r == NULL)
		return NULL;
	intake_init(&r->intake);
	list_init(&r->ahead);
	list_init(&r->behind);
	r->task.run = step;
	r->transfer.free = replaying_free;
	r->transfer.read = (struct source_read){
		.len = b->size,
		.on_bytes = on_bytes,
		.on_done = on_done,
	};
	transfer_init(&r->transfer, b, origin, i->priority);
	b->replay = r;
	add_record(r, i);
	return &r->transfer;
}
