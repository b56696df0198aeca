/* READ.  What is present is read and sent by the thread that took the request.
 * What is not is parked: one want for the whole range, answered by the thread
 * that completes it; no thread waits.
 *
 * A parked read is not interrupted: the kernel sends INTERRUPT for any signal,
 * not only for one that kills, and a read of a file that ends with EINTR
 * because of a SIGCHLD breaks programs.  The first read of a page goes through
 * readahead, whose waiters can be killed without us; its request stays parked
 * until its patience ends, and leaks nothing.
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
	struct session *session; /* a reference */
	fuse_req_t req;
	uint64_t nid;
	unsigned tries;
};

static void
fail(struct session *x, fuse_req_t req, uint64_t nid, const struct err *e)
{
	const struct view *v = x->mount.view;

	if (failures_note(&x->failures, nid, clock_now_ns())) {
		AUTO_FREE char *path = index_path(view_index(v), nid);
		log_event(LOG_LEVEL_ERROR, LOG_EVENT_read_failed,
		    LOG_FIELDS({ "reference", view_label(v) }, { "path", path },
			{ "code", err_code_name(e->code) }),
		    "%s: /%s cannot be read: %s", view_label(v),
		    path != NULL ? path : "?", e->msg);
	}
	metric_add(METRIC_read_errors, 1);
	atomic_fetch_add_explicit(&x->mount.n_errors, 1, memory_order_relaxed);
	fuse_reply_err(req, EIO);
}

/* ---- parked reads ---- */

static void on_done(struct want *w, const struct err *failure);

static void
unpark(struct parked *p)
{
	session_unref(p->session);
	free(p);
}

static uint32_t
patience_ms(struct session *x, uint64_t nid)
{
	uint32_t ms = x->mount.server->options.patience_ms;
	uint64_t within = ms == WANT_FOREVER ? 0 : (uint64_t)ms * NS_PER_MS;

	/* After a failed readahead the kernel asks for each page by itself. */
	return failures_is_recent(&x->failures, nid, clock_now_ns(), within)
		   ? 0
		   : ms;
}

/* Nothing of p may be touched after this: it may be done already. */
static void
want(struct parked *p)
{
	p->tries++;
	p->want.priority = SOURCE_NOW;
	p->want.patience_ms = patience_ms(p->session, p->nid);
	p->want.on_done = on_done;
	view_want(p->session->mount.view, &p->want);
}

/* True when the request has had its answer. */
static bool
answer_parked(struct parked *p, struct err *e)
{
	AUTO_FREE uint8_t *bytes = malloc(p->want.len);

	if (bytes == NULL) {
		err_set(e, ENOMEM, "no memory to read into");
		return false;
	}
	if (view_read(p->session->mount.view, bytes, p->want.len,
		p->want.data_off, e) != 0)
		return false;
	failures_forget(&p->session->failures, p->nid);
	fuse_reply_buf(p->req, (const char *)bytes, p->want.len);
	return true;
}

static void
on_done(struct want *w, const struct err *failure)
{
	struct parked *p = container_of(w, struct parked, want);
	struct session *x = p->session;
	struct err e;

	if (failure == NULL && answer_parked(p, &e)) {
		unpark(p);
		return;
	}
	if (failure == NULL && e.code == EAGAIN && p->tries < TRIES) {
		want(p);
		return;
	}
	if (atomic_load(&x->mount.server->is_stopping))
		fuse_reply_none(p->req); /* the next worker is asked again */
	else
		fail(x, p->req, p->nid, failure != NULL ? failure : &e);
	unpark(p);
}

static void
park(struct session *x, fuse_req_t req, uint64_t nid, uint64_t data_off,
    size_t len)
{
	struct parked *p = calloc(1, sizeof *p);

	if (p == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	p->session = session_ref(x);
	p->req = req;
	p->nid = nid;
	p->want.data_off = data_off;
	p->want.len = len;
	metric_add(METRIC_read_misses, 1);
	want(p);
}

/* ---- the request ---- */

static void
read_present(struct session *x, fuse_req_t req, uint64_t nid, uint64_t data_off,
    size_t len)
{
	uint8_t *bytes = server_buffer();
	struct err e;

	if (view_read(x->mount.view, bytes, len, data_off, &e) == 0) {
		metric_add(METRIC_read_hits, 1);
		fuse_reply_buf(req, (const char *)bytes, len);
	} else if (e.code == EAGAIN) {
		park(x, req, nid, data_off, len);
	} else {
		fail(x, req, nid, &e);
	}
}

void
read_answer(fuse_req_t req, uint64_t nid, size_t size, uint64_t off)
{
	struct session *x = SESSION_OF(req);
	uint64_t data_off, file_size;

	atomic_fetch_add_explicit(&x->mount.n_reads, 1, memory_order_relaxed);
	if (!index_file(
		view_index(x->mount.view), nid, &data_off, &file_size)) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	if (off >= file_size || size == 0) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	size = min_u64(min_u64(size, SERVER_BUFFER), file_size - off);
	read_present(x, req, nid, data_off + off, size);
}
