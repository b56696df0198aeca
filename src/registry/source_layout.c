/* An OCI layout folder as a source.
 *
 * Reads are queued and served by a thread of the source's own, `layout`, which
 * lives while there are some: callbacks then come as they do from a registry,
 * never from within the caller's own call, and a chain of reads uses no stack.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "registry/layout.h"
#include "registry/source.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/thread.h"

enum { PIECE_BYTES = 128 << 10 };

struct layout_source {
	struct source source;
	int dir;

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
	int fd;
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

	if (q->fd >= 0)
		close(q->fd);
	if (e != NULL)
		err_wrap(
		    e, "%s: blob %.19s", s->source.name, DIGEST_TEXT(&r->blob));
	/* Until this returns another thread may still resume or cancel. */
	r->on_done(r, e);
	free(q);
}

static int
open_once(struct layout_source *s, struct layout_read *q, struct err *e)
{
	uint64_t size;

	if (q->fd >= 0)
		return 0;
	q->fd = layout_open_blob(s->dir, &q->read->blob, &size, e);
	if (q->fd < 0)
		return -1;
	if (size == q->read->blob_size)
		return 0;
	return err_set(e, EPROTO, "it has %ju bytes, the manifest says %ju",
	    (uintmax_t)size, (uintmax_t)q->read->blob_size);
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

/* What comes next, up to PIECE_BYTES; 0: that was all. */
static size_t
next_piece(struct layout_read *q)
{
	struct source_read *r = q->read;
	uint64_t end = r->off + r->len;

	if (q->gap < r->n_gaps && r->at == r->gaps[q->gap].off)
		r->at = r->gaps[q->gap++].end;
	if (q->gap < r->n_gaps)
		end = r->gaps[q->gap].off;
	return min_u64(end - r->at, PIECE_BYTES);
}

/* 0: all given; 1: it rests, and is no longer the thread's; -1. */
static int
serve_pieces(struct layout_source *s, struct layout_read *q, uint8_t *piece,
    struct err *e)
{
	struct source_read *r = q->read;
	size_t n;

	if (open_once(s, q, e) < 0)
		return -1;
	r->parts = SOURCE_PARTS_GIVEN;
	while ((n = next_piece(q)) > 0) {
		if (q->is_cancelled)
			return err_set(e, ECANCELED, "cancelled");
		if (fs_pread(q->fd, piece, n, r->at, e) < 0)
			return -1;
		before_piece(s, q);
		switch (r->on_bytes(r, piece, n)) {
		case SOURCE_CONTINUE:
			r->at += n;
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
	AUTO_FREE uint8_t *piece = malloc(PIECE_BYTES);
	struct layout_read *q;

	assert(piece != NULL);
	while ((q = next_read(s)) != NULL) {
		struct err e = ERR_INIT;
		int rc = serve_pieces(s, q, piece, &e);

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
	q->fd = -1;
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
	close(s->dir);
	free(source->name);
	free(s);
}

static const struct source_ops layout_source_ops = {
	.read = layout_source_read,
	.resume = layout_source_resume,
	.cancel = layout_source_cancel,
	.free = layout_source_free,
};

struct source *
source_new_layout(int dir, const char *name, struct err *e)
{
	struct layout_source *s = calloc(1, sizeof *s);

	if (s == NULL || (s->source.name = strdup(name)) == NULL) {
		free(s);
		err_set(e, ENOMEM, "a source");
		return NULL;
	}
	s->source.ops = &layout_source_ops;
	s->source.refs = 1;
	s->dir = dir;
	lock_init(&s->lock, RANK_SOURCE);
	list_init(&s->queue);
	return &s->source;
}
