/* An OCI layout folder as a source.
 *
 * Reads are queued and served by a thread of the source's own, `layout`, which
 * lives while there are some: callbacks then come as they do from a registry,
 * never from within the caller's own call, and a chain of reads uses no stack.
 * It waits ten seconds at most for the folder's file system: then that read, and
 * all others until somebody answers there, end with ETIMEDOUT, as they do at a
 * registry that is silent.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "registry/layout.h"
#include "registry/source.h"
#include "base/err.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/outpost.h"
#include "base/thread.h"

#define NAME_PREFIX "oci:"

struct layout_source {
	struct source source;
	struct outpost *folder; /* the thread's */

	struct lock lock; /* RANK_SOURCE */
	/* guarded by lock */
	struct list queue;
	bool has_thread;
};

struct layout_read {
	struct list link; /* of the queue; alone while served or paused */
	struct source_read *read;
	_Atomic bool is_cancelled;
	bool is_resumed; /* guarded by the source's lock: since it was given a
			  * piece */
	bool is_paused;  /* guarded by the source's lock */

	/* the thread's */
	unsigned gap; /* the next */
};

static struct layout_source *
of(struct source *s)
{
	return container_of(s, struct layout_source, source);
}

/* ---- the thread ---- */

static void
end_read(struct layout_source *s, struct layout_read *q, struct err *e)
{
	struct source_read *r = q->read;

	if (e != NULL)
		err_wrap(
		    e, "%s: blob %.19s", s->source.name, DIGEST_TEXT(&r->blob));
	/* Until this returns another thread may still resume or cancel. */
	r->on_done(r, e);
	free(q);
}

static void
before_piece(struct layout_source *s, struct layout_read *q)
{
	LOCK_SCOPE(&s->lock);
	q->is_resumed = false;
}

/* True when the read rests; a resume may have come before the verdict did. */
static bool
pause_read(struct layout_source *s, struct layout_read *q)
{
	LOCK_SCOPE(&s->lock);
	q->is_paused = !q->is_resumed && !q->is_cancelled;
	return q->is_paused;
}

/* Where what comes next ends; r->at: that was all. */
static uint64_t
next_end(struct layout_read *q)
{
	struct source_read *r = q->read;

	if (q->gap < r->n_gaps && r->at == r->gaps[q->gap].off)
		r->at = r->gaps[q->gap++].end;
	return q->gap < r->n_gaps ? r->gaps[q->gap].off : r->off + r->len;
}

static int
look_at_piece(struct layout_source *s, struct layout_read *q, uint64_t end,
    struct outpost_look *k, struct err *e)
{
	k->off = q->read->at;
	k->most = min_u64(end - k->off, OUTPOST_BYTES);
	if (layout_read_piece(s->folder, &q->read->blob, k, e) < 0)
		return -1;
	k->is_open = true;
	if (k->size != q->read->blob_size)
		return err_set(e, EPROTO,
		    "it has %ju bytes, the manifest says %ju",
		    (uintmax_t)k->size, (uintmax_t)q->read->blob_size);
	return k->n > 0
		   ? 0
		   : err_set(e, EBADMSG, "file ends at %ju", (uintmax_t)k->off);
}

/* 0: all given; 1: it rests, and is no longer the thread's; -1. */
static int
serve_pieces(struct layout_source *s, struct layout_read *q, struct err *e)
{
	struct outpost_look k = { .is_cancelled = &q->is_cancelled };
	struct source_read *r = q->read;
	uint64_t end;

	r->parts = SOURCE_PARTS_GIVEN;
	while ((end = next_end(q)) > r->at) {
		if (q->is_cancelled)
			return err_set(e, ECANCELED, "cancelled");
		if (look_at_piece(s, q, end, &k, e) < 0)
			return -1;
		before_piece(s, q);
		switch (r->on_bytes(r, k.bytes, k.n)) {
		case SOURCE_CONTINUE:
			r->at += k.n;
			break;
		case SOURCE_PAUSE:
			if (pause_read(s, q))
				return 1;
			break;
		case SOURCE_ABORT:
			return err_set(e, ECANCELED, "cancelled");
		}
	}
	return 0;
}

static struct layout_read *
next_read(struct layout_source *s)
{
	LOCK_SCOPE(&s->lock);
	struct list *l = list_pop_front(&s->queue);

	s->has_thread = l != NULL;
	return l == NULL ? NULL : list_entry(l, struct layout_read, link);
}

static void *
serve(void *arg)
{
	struct layout_source *s = arg;
	struct layout_read *q;

	while ((q = next_read(s)) != NULL) {
		struct err e = ERR_INIT;
		int rc = serve_pieces(s, q, &e);

		if (rc <= 0)
			end_read(s, q, rc < 0 ? &e : NULL);
	}
	source_unref(&s->source);
	return NULL;
}

/* ---- any thread ---- */

/* True when a thread must be started. */
static bool
enqueue(struct layout_source *s, struct layout_read *q)
{
	bool had_thread = s->has_thread;

	list_push_back(&s->queue, &q->link);
	s->has_thread = true;
	return !had_thread;
}

static void
start_thread(struct layout_source *s)
{
	struct err e = ERR_INIT;
	pthread_t t;

	source_ref(&s->source);
	if (thread_start(&t, "layout", serve, s, &e) == 0)
		pthread_detach(t);
	else
		serve(s); /* out of threads: better slow than never */
}

static void
layout_source_read(struct source *source, struct source_read *r)
{
	struct layout_source *s = of(source);
	struct layout_read *q = calloc(1, sizeof *q);
	bool needs_thread;

	if (q == NULL) {
		struct err e = ERR_INIT;

		err_set(&e, ENOMEM, "%s: a read", source->name);
		r->on_done(r, &e);
		return;
	}
	q->read = r;
	r->state = q;
	{
		LOCK_SCOPE(&s->lock);
		needs_thread = enqueue(s, q);
	}
	if (needs_thread)
		start_thread(s);
}

/* Back into the queue if it rests. */
static void
wake_read(struct layout_source *s, struct layout_read *q)
{
	bool needs_thread = false;

	{
		LOCK_SCOPE(&s->lock);
		q->is_resumed = true;
		if (q->is_paused) {
			q->is_paused = false;
			needs_thread = enqueue(s, q);
		}
	}
	if (needs_thread)
		start_thread(s);
}

static void
layout_source_resume(struct source *s, struct source_read *r)
{
	wake_read(of(s), r->state);
}

static void
layout_source_cancel(struct source *s, struct source_read *r)
{
	struct layout_read *q = r->state;

	q->is_cancelled = true;
	wake_read(of(s), q);
}

static void
layout_source_free(struct source *source)
{
	struct layout_source *s = of(source);

	assert(list_is_empty(&s->queue));
	lock_destroy(&s->lock);
	outpost_free(s->folder);
	free(source->name);
	free(s);
}

static const struct source_ops layout_source_ops = {
	.read = layout_source_read,
	.resume = layout_source_resume,
	.cancel = layout_source_cancel,
	.free = layout_source_free,
};

static const char *
folder_name(const char *name)
{
	size_t n = strlen(NAME_PREFIX);

	return strncmp(name, NAME_PREFIX, n) == 0 ? name + n : name;
}

struct source *
source_new_layout(int dir, const char *name, struct err *e)
{
	struct layout_source *s = calloc(1, sizeof *s);

	if (s == NULL || (s->source.name = strdup(name)) == NULL) {
		free(s);
		err_set(e, ENOMEM, "a source");
		return NULL;
	}
	s->folder = layout_open(dir, dir < 0 ? folder_name(name) : NULL, e);
	if (s->folder == NULL) {
		free(s->source.name);
		free(s);
		return NULL;
	}
	s->source.ops = &layout_source_ops;
	s->source.refs = 1;
	lock_init(&s->lock, RANK_SOURCE);
	list_init(&s->queue);
	return &s->source;
}
