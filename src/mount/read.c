/* READ.  What is present is read and sent by the thread that took the request.
 * What is not is parked: answered by the thread that completes it; no thread
 * waits.  A want lies in one object: what a file's reader asks for does, while
 * a loop device may ask for neighbours at once, which are wanted one by one.
 *
 * A parked read is not interrupted: the kernel sends INTERRUPT for any signal,
 * not only for one that kills, and a read of a file that ends with EINTR
 * because of a SIGCHLD breaks programs.  The first read of a page goes through
 * readahead, whose waiters can be killed without us; its request stays parked
 * until its patience ends, and leaks nothing.  Nor does it outlive its mount for
 * long, however patient: it would keep the image open.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mount/session.h"
#include "layer/view.h"
#include "fetch/fetch.h"
#include "index/index.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"

/* Bytes may be evicted between their arrival and our reading them. */
enum { TRIES = 3 };

struct parked {
	struct want want;
	struct reading reading;  /* a reference to its mount */
	struct session *session; /* a reference */
	uint64_t file;           /* which one, to failures */
	uint64_t wanted;         /* the bytes before it have arrived */
	unsigned tries;
	_Atomic uint64_t limit_ns; /* the want's */

	/* server->lock */
	struct list link; /* mount.parked */
	bool is_answered;
};

static void
fail(const struct reading *r, uint64_t file, const struct err *e)
{
	const struct view *v = r->mount->view;
	uint64_t nid = r->nid;

	if (failures_note(&r->mount->failures, file, clock_now_ns())) {
		AUTO_FREE char *path = NULL;

		if (nid == 0)
			nid = index_find_position(view_index(v), r->data_off);
		if (nid != 0)
			path = index_path(view_index(v), nid);
		log_event(LOG_LEVEL_ERROR, LOG_EVENT_read_failed,
		    LOG_FIELDS({ "reference", view_label(v) }, { "path", path },
			{ "code", err_code_name(e->code) }),
		    "%s: /%s cannot be read: %s", view_label(v),
		    path != NULL ? path : "?", e->msg);
	}
	metric_add(METRIC_read_errors, 1);
	atomic_fetch_add_explicit(&r->mount->n_errors, 1, memory_order_relaxed);
	fuse_reply_err(r->req, EIO);
}

/* A name for the file that is read: its node's, or its contents' place. */
static uint64_t
file_of(const struct reading *r)
{
	uint64_t start = 0;

	if (r->nid != 0)
		return r->nid;
	view_extent(r->mount->view, r->data_off, r->len, &start);
	return start + 1;
}

/* ---- parked reads ---- */

static void on_done(struct want *w, const struct err *failure);

/* False where it was answered already; else that is the caller's to do. */
static bool
claim(struct parked *p)
{
	LOCK_SCOPE(&p->reading.mount->server->lock);
	if (p->is_answered)
		return false;
	p->is_answered = true;
	list_remove(&p->link);
	return true;
}

static void
unpark(struct parked *p)
{
	mount_unref(p->reading.mount);
	session_unref(p->session);
	free(p);
}

static uint32_t
patience_ms(struct mount *m, uint64_t file)
{
	uint32_t ms = atomic_load(&m->patience_ms);
	uint64_t within = ms == WANT_FOREVER ? 0 : (uint64_t)ms * NS_PER_MS;

	/* After a failed readahead the kernel asks for each page by itself. */
	return failures_is_recent(&m->failures, file, clock_now_ns(), within)
		   ? 0
		   : ms;
}

static void
give_up(struct parked *p, const struct err *e)
{
	struct mount *m = p->reading.mount;

	if (!claim(p)) {
		unpark(p);
		return;
	}
	if (atomic_load(&m->server->is_stopping))
		fuse_reply_none(p->reading.req); /* the next worker is asked */
	else
		fail(&p->reading, p->file, e);
	unpark(p);
}

/* Nothing of p may be touched after this: it may be done already. */
static void
want_next(struct parked *p)
{
	const struct reading *r = &p->reading;
	uint64_t start, end = r->data_off + r->len;
	uint64_t n =
	    view_extent(r->mount->view, p->wanted, end - p->wanted, &start);
	struct err e;

	if (n == 0) {
		err_set(&e, EIO, "no layer has the bytes at %llu",
		    (unsigned long long)p->wanted);
		give_up(p, &e);
		return;
	}
	p->want = (struct want){ .data_off = p->wanted,
		.len = n,
		.priority = SOURCE_NOW,
		.patience_ms = patience_ms(r->mount, p->file),
		.limit_ns = &p->limit_ns,
		.on_done = on_done };
	p->wanted += n;
	view_want(r->mount->view, &p->want);
}

static void
want(struct parked *p)
{
	p->tries++;
	p->wanted = p->reading.data_off;
	want_next(p);
}

/* True when the request has had its answer. */
static bool
answer_parked(struct parked *p, struct err *e)
{
	const struct reading *r = &p->reading;
	AUTO_FREE uint8_t *bytes = malloc(r->len);

	if (bytes == NULL) {
		err_set(e, ENOMEM, "no memory to read into");
		return false;
	}
	if (view_read(r->mount->view, bytes, r->len, r->data_off, e) != 0)
		return false;
	failures_forget(&r->mount->failures, p->file);
	if (claim(p))
		fuse_reply_buf(r->req, (const char *)bytes, r->len);
	return true;
}

static void
on_done(struct want *w, const struct err *failure)
{
	struct parked *p = container_of(w, struct parked, want);
	struct err e;
	SESSION_SCOPE(p->session);

	if (failure != NULL)
		give_up(p, failure);
	else if (p->wanted < p->reading.data_off + p->reading.len)
		want_next(p);
	else if (answer_parked(p, &e))
		unpark(p);
	else if (e.code == EAGAIN && p->tries < TRIES)
		want(p);
	else
		give_up(p, &e);
}

static bool
enlist(struct parked *p)
{
	struct mount *m = p->reading.mount;

	LOCK_SCOPE(&m->server->lock);
	if (!m->is_dead)
		list_push_back(&m->parked, &p->link);
	return !m->is_dead;
}

static void
park(const struct reading *r)
{
	struct parked *p = calloc(1, sizeof *p);

	if (p == NULL) {
		fuse_reply_err(r->req, ENOMEM);
		return;
	}
	p->reading = *r;
	mount_ref(r->mount);
	p->session = session_ref(SESSION_OF(r->req));
	p->file = file_of(r);
	atomic_init(&p->limit_ns, UINT64_MAX);
	metric_add(METRIC_read_misses, 1);
	if (enlist(p)) {
		want(p);
	} else {
		fuse_reply_err(r->req, EIO);
		unpark(p);
	}
}

/* The next one, which another thread may free when it is answered. */
static fuse_req_t
claim_any(struct mount *m, struct session **session)
{
	LOCK_SCOPE(&m->server->lock);
	struct list *l = list_pop_front(&m->parked);
	struct parked *p;

	m->is_dead = true;
	if (l == NULL)
		return NULL;
	p = list_entry(l, struct parked, link);
	p->is_answered = true;
	atomic_store(&p->limit_ns, 0);
	*session = session_ref(p->session);
	return p->reading.req;
}

void
read_end(struct mount *m)
{
	struct session *x;
	fuse_req_t req;

	while ((req = claim_any(m, &x)) != NULL) {
		SESSION_SCOPE(x);

		fuse_reply_err(req, EIO);
		session_unref(x);
	}
	if (m->view != NULL)
		view_hurry(m->view);
}

void
read_limit(struct mount *m, uint32_t ms)
{
	uint64_t limit_ns = clock_now_ns() + ms * NS_PER_MS;

	if (m->view == NULL || mount_patience(m) <= ms)
		return;
	mount_set_patience(m, ms);
	{
		LOCK_SCOPE(&m->server->lock);
		list_for_each(l, &m->parked)
			atomic_store(
			    &list_entry(l, struct parked, link)->limit_ns,
			    limit_ns);
	}
	view_hurry(m->view);
}

/* ---- the request ---- */

void
read_answer(const struct reading *r)
{
	uint8_t *bytes = server_buffer();
	struct err e;

	atomic_fetch_add_explicit(&r->mount->n_reads, 1, memory_order_relaxed);
	if (view_read(r->mount->view, bytes, r->len, r->data_off, &e) == 0) {
		metric_add(METRIC_read_hits, 1);
		fuse_reply_buf(r->req, (const char *)bytes, r->len);
	} else if (e.code == EAGAIN) {
		park(r);
	} else {
		fail(r, file_of(r), &e);
	}
}
