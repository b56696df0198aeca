#include "registry/exchange.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "registry/client.h"
#include "registry/secret.h"
#include "registry/status.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/metrics.h"

enum { ASKED_START = 1, ASKED_RESUME = 2, ASKED_CANCEL = 4 };

enum {
	FIRST_WAIT_MS = 200, /* doubled with every try */
	LONGEST_WAIT_MS = 5000,
	LONGEST_RETRY_AFTER_S = 30,
	PROGRESS_BYTES = 64 << 10, /* that make tries count anew */
	ERROR_TEXT_BYTES = 4 << 10,
	DRAIN_BYTES = 64 << 10, /* read to the end to keep the connection */
};

static const char accept_manifests[] =
    "Accept: application/vnd.oci.image.index.v1+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

static void authorise(struct exchange *x);
static void choose_host(struct exchange *x);
static void send_request(struct exchange *x);
static void try_failed(struct exchange *x, const struct err *failure);

static struct host *
host_of(const struct exchange *x)
{
	return &x->hosts->hosts[x->host];
}

/* ---- the end ---- */

static void
release(struct exchange *x)
{
	http_withdraw(x->registry->http, &x->job);
	http_clear_timer(&x->timer);
	token_cancel(&x->wait);
	http_request_release(&x->request);
	host_list_unref(take_ptr(&x->hosts));
	free(take_ptr(&x->url));
	secret_free(take_ptr(&x->away));
	secret_free(take_ptr(&x->authorization));
	free(take_ptr(&x->headers));
	buf_release(&x->text);
}

static void
finish(struct exchange *x, const struct err *failure)
{
	release(x);
	x->on_done(x, failure);
}

static void
fail(struct exchange *x, int code, const char *why)
{
	struct err e = ERR_INIT;

	err_set(&e, code, "%s", why);
	finish(x, &e);
}

/* ---- tries ---- */

static void
set_away(struct exchange *x, char *take_url)
{
	secret_free(x->away);
	x->away = take_url;
	if (take_url == NULL)
		x->has_left = false;
}

static int
set_url(struct exchange *x, struct err *e)
{
	AUTO_FREE char *ns = url_escape(x->namespace);
	const struct host *h = host_of(x);

	free(take_ptr(&x->url));
	if (ns == NULL ||
	    asprintf(&x->url, "%s/%s/%s%s%s", h->base, x->repository, x->path,
		h->is_proxy ? "?ns=" : "", h->is_proxy ? ns : "") < 0) {
		x->url = NULL;
		return err_set(e, ENOMEM, "a URL");
	}
	return 0;
}

/* One try: from the registry's URL, or from where it redirected to lately. */
static void
begin_try(struct exchange *x)
{
	struct err e = ERR_INIT;
	char *known = NULL;

	x->redirects = x->unauthorized = 0;
	x->has_resolved_again = false;
	x->failure = ERR_INIT;
	set_away(x, NULL);
	if (set_url(x, &e) < 0) {
		finish(x, &e);
		return;
	}
	if (x->is_blob)
		known = redirects_find(&x->registry->redirects, x->url);
	if (known != NULL && url_origin(known, &x->to, &e) == 0) {
		set_away(x, known);
		x->has_left = true;
		x->is_remembered = true;
		send_request(x);
		return;
	}
	secret_free(known);
	authorise(x);
}

/* The first host from x->host on that may be asked and is not known to be down;
 * one that is, when there is no other. */
static bool
pick_host(struct exchange *x)
{
	size_t down = x->hosts->n;

	for (size_t i = x->host; i < x->hosts->n; i++) {
		const struct host *h = &x->hosts->hosts[i];

		if ((h->can & x->needs) != x->needs)
			continue;
		if (!origins_is_down(&x->registry->origins, &h->origin)) {
			x->host = i;
			return true;
		}
		if (down == x->hosts->n)
			down = i;
	}
	x->host = down;
	return down < x->hosts->n;
}

static void
choose_host(struct exchange *x)
{
	struct err last = x->failure;

	if (!pick_host(x)) {
		if (last.code == 0)
			err_set(&last, ENOENT, "no host of %s may be asked",
			    x->namespace);
		finish(x, &last);
		return;
	}
	x->tries = 0;
	x->tried_pos = x->range.pos;
	begin_try(x);
}

static bool
has_another_host(const struct exchange *x)
{
	for (size_t i = x->host + 1; i < x->hosts->n; i++)
		if ((x->hosts->hosts[i].can & x->needs) == x->needs)
			return true;
	return false;
}

static uint64_t
random_below(struct registry *r, uint64_t n)
{
	r->jitter = hash_u64(r->jitter + clock_now_ns());
	return r->jitter % n;
}

/* Half of it fixed, half of it random, so that many do not come back at once.
 */
static uint64_t
wait_ns(struct exchange *x)
{
	uint64_t ms = min_u64(
	    (uint64_t)FIRST_WAIT_MS << min_u64(x->tries, 10), LONGEST_WAIT_MS);
	uint64_t asked = x->request.head.retry_after_s;

	ms = ms / 2 + random_below(x->registry, ms / 2 + 1);
	if (x->body_kind == BODY_ERROR && asked != HEAD_UNKNOWN)
		ms = max_u64(ms, min_u64(asked, LONGEST_RETRY_AFTER_S) * 1000);
	return ms * NS_PER_MS;
}

static void
on_timer(struct http_timer *t)
{
	begin_try(container_of(t, struct exchange, timer));
}

static bool
may_try_again(struct exchange *x, const struct err *e)
{
	unsigned allowed = x->registry->max_retries;

	if (e->code != EAGAIN && e->code != ETIMEDOUT)
		return false;
	if (x->range.pos - x->tried_pos >= PROGRESS_BYTES) {
		x->tries = 0;
		x->tried_pos = x->range.pos;
	}
	return x->tries < (has_another_host(x) ? min_u64(allowed, 1) : allowed);
}

static void
name_who(const struct exchange *x, struct err *e)
{
	const char *authority = host_of(x)->authority;

	if (x->away != NULL)
		err_wrap(
		    e, "%.100s (redirected from %s)", x->to.host, authority);
	else if (strcmp(authority, x->namespace) != 0)
		err_wrap(e, "%s", authority);
}

/* While paused nothing may end: the reader is about to call resume. */
static void
try_failed(struct exchange *x, const struct err *failure)
{
	struct err e = *failure;

	if (x->is_paused) {
		x->failure = e;
		x->is_held = true;
		return;
	}
	name_who(x, &e);
	if (x->away != NULL)
		redirects_forget(&x->registry->redirects, x->url);
	if (may_try_again(x, &e)) {
		http_set_timer(
		    x->registry->http, &x->timer, clock_now_ns() + wait_ns(x));
		x->tries++;
		metric_add(METRIC_http_retries, 1);
		return;
	}
	if (e.code == EAGAIN || e.code == ETIMEDOUT)
		origins_set_down(&x->registry->origins, &host_of(x)->origin);
	x->failure = e;
	x->host++;
	choose_host(x);
}

/* ---- asking ---- */

static void
on_authorised(
    struct token_wait *w, const char *header, const struct err *failure)
{
	struct exchange *x = container_of(w, struct exchange, wait);

	secret_free(take_ptr(&x->authorization));
	if (failure != NULL) {
		x->body_kind = BODY_NONE;
		try_failed(x, failure);
		return;
	}
	if (header != NULL && (x->authorization = strdup(header)) == NULL) {
		fail(x, ENOMEM, "a request");
		return;
	}
	send_request(x);
}

static void
authorise(struct exchange *x)
{
	x->to = host_of(x)->origin;
	x->is_remembered = false;
	x->wait.hosts = x->hosts;
	x->wait.host = host_of(x);
	x->wait.repository = x->repository;
	x->wait.on_ready = on_authorised;
	token_get(&x->registry->tokens, &x->wait);
}

/* What is for the registry stays with the registry: after a redirect to another
 * origin neither its Authorization nor its own headers go along. */
static int
set_headers(struct exchange *x)
{
	const struct host *h = host_of(x);
	size_t at = 0;

	free(take_ptr(&x->headers));
	x->headers = calloc(h->n_headers + 3, sizeof *x->headers);
	if (x->headers == NULL)
		return -1;
	x->headers[at++] =
	    x->is_blob ? "Accept-Encoding: identity" : accept_manifests;
	if (x->has_left)
		return 0;
	if (x->authorization != NULL)
		x->headers[at++] = x->authorization;
	for (size_t i = 0; i < h->n_headers; i++)
		x->headers[at++] = h->headers[i];
	return 0;
}

static bool
wants_range(const struct exchange *x)
{
	const struct range *r = &x->range;

	return x->is_blob && (r->pos != 0 || r->end != r->size) &&
	       !origins_is_rangeless(&x->registry->origins, &x->to);
}

static void
reset_answer(struct exchange *x)
{
	x->plan = (struct range_plan){ .verdict = RANGE_TAKE };
	x->failure = ERR_INIT;
	x->body_kind = BODY_NONE;
	x->document.len = 0;
	x->text.len = 0;
}

static void
send_request(struct exchange *x)
{
	struct http_request *q = &x->request;

	reset_answer(x);
	if (set_headers(x) < 0) {
		fail(x, ENOMEM, "a request");
		return;
	}
	x->tls = host_of(x)->tls;
	if (x->has_left)
		x->tls.client_cert = x->tls.client_key = NULL;
	x->range.was_asked = wants_range(x);
	q->url = x->away != NULL ? x->away : x->url;
	q->headers = x->headers;
	q->tls = &x->tls;
	q->has_range = x->range.was_asked;
	q->range_first = x->range.pos;
	q->range_last = x->range.end - 1;
	q->class = x->class;
	q->body_max = UINT64_MAX;
	x->is_sent = true;
	http_send(x->registry->http, q);
}

/* ---- the answer ---- */

static enum http_verdict
begin_blob(struct exchange *x)
{
	const struct http_head *h = &x->request.head;

	x->body_kind = BODY_ERROR; /* until it is known to be ours */
	if (range_plan(&x->plan, &x->range, h, &x->failure) < 0)
		return HTTP_STOP;
	if (x->plan.verdict == RANGE_ASK_WHOLE)
		return HTTP_CONTINUE;
	x->body_kind = BODY_BLOB;
	if (x->plan.ignores_ranges)
		origins_set_rangeless(&x->registry->origins, &x->to);
	if (x->away != NULL && !x->is_remembered)
		redirects_keep(&x->registry->redirects, x->url, x->away);
	return HTTP_CONTINUE;
}

static enum http_verdict
begin_document(struct exchange *x)
{
	const struct http_head *h = &x->request.head;

	x->body_kind = BODY_DOCUMENT;
	if (h->content_type == NULL ||
	    strcmp(h->content_type, "text/html") != 0)
		return HTTP_CONTINUE;
	err_set(&x->failure, EPROTO,
	    "a web page instead of the manifest: is a proxy or a network "
	    "login in between?");
	return HTTP_STOP;
}

static enum http_verdict
on_head(struct http_request *q)
{
	struct exchange *x = container_of(q, struct exchange, request);
	int status = q->head.status;

	x->body_kind = BODY_ERROR;
	if (status < 400)
		origins_set_up(&x->registry->origins, &host_of(x)->origin);
	if (x->is_blob && (status == 200 || status == 206 || status == 400 ||
			      status == 416 || status == 501))
		return begin_blob(x);
	if (!x->is_blob && status == 200)
		return begin_document(x);
	return HTTP_CONTINUE;
}

static enum http_verdict
take_document(struct exchange *x, const void *p, size_t n)
{
	if (buf_append(&x->document, p, n, &x->failure) == 0)
		return HTTP_CONTINUE;
	if (x->failure.code == E2BIG)
		x->failure.code = EPROTO;
	return HTTP_STOP;
}

static enum http_verdict
take_error(struct exchange *x, const void *p, size_t n)
{
	struct err ignored;

	buf_append(
	    &x->text, p, min_u64(n, x->text.max - x->text.len), &ignored);
	return x->request.body_len > DRAIN_BYTES ? HTTP_STOP : HTTP_CONTINUE;
}

/* Nothing of the plan is used up until the reader took its bytes: after a pause
 * the same bytes come again. */
static enum http_verdict
take_blob(struct exchange *x, const uint8_t *p, size_t n)
{
	size_t skip = min_u64(n, x->plan.skip);
	size_t give = min_u64(n - skip, x->plan.take);

	if (give > 0) {
		switch (x->on_bytes(x, p + skip, give)) {
		case SOURCE_PAUSE:
			x->is_paused = true;
			return HTTP_PAUSE;
		case SOURCE_ABORT:
			x->is_aborted = true;
			return HTTP_STOP;
		default:
			break;
		}
	}
	x->plan.skip -= skip;
	x->plan.take -= give;
	x->range.pos += give;
	/* Only a whole blob in place of a part goes on after it. */
	if (x->range.pos < x->range.end || x->request.head.status == 206 ||
	    x->range.size - x->range.end <= DRAIN_BYTES)
		return HTTP_CONTINUE;
	return HTTP_STOP;
}

static enum http_verdict
on_bytes(struct http_request *q, const void *p, size_t n)
{
	struct exchange *x = container_of(q, struct exchange, request);

	switch (x->body_kind) {
	case BODY_BLOB:
		return take_blob(x, p, n);
	case BODY_DOCUMENT:
		return take_document(x, p, n);
	default:
		return take_error(x, p, n);
	}
}

/* ---- judging it ---- */

static void
end_blob(struct exchange *x)
{
	struct err e = ERR_INIT;

	if (x->range.pos == x->range.end) {
		finish(x, NULL);
	} else if (x->plan.take == 0) {
		send_request(x); /* a shorter part than asked for */
	} else {
		err_set(&e, EAGAIN, "the connection ended early");
		try_failed(x, &e);
	}
}

static bool
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

static int
check_redirect(struct exchange *x, const struct origin *to, struct err *e)
{
	if (++x->redirects > LIMIT_REDIRECTS)
		return err_set(e, EPROTO, "over %d redirects", LIMIT_REDIRECTS);
	if (x->to.is_https && !to->is_https)
		return err_set(e, EPROTO,
		    "a redirect from https to http (%.80s): refused", to->host);
	return 0;
}

static void
follow(struct exchange *x)
{
	const char *from = x->away != NULL ? x->away : x->url;
	const char *location = x->request.head.location;
	AUTO_SECRET char *url = NULL;
	struct err e = ERR_INIT;
	struct origin to;

	if (location == NULL)
		err_set(&e, EPROTO, "a redirect to nowhere");
	else if ((url = url_resolve(from, location, &e)) != NULL &&
		 url_origin(url, &to, &e) == 0)
		check_redirect(x, &to, &e);
	if (e.code != 0) {
		try_failed(x, &e);
		return;
	}
	if (!origin_equal(&to, &host_of(x)->origin))
		x->has_left = true;
	set_away(x, take_ptr(&url));
	x->to = to;
	send_request(x);
}

static void
resolve_again(struct exchange *x)
{
	x->has_resolved_again = true;
	redirects_forget(&x->registry->redirects, x->url);
	set_away(x, NULL);
	authorise(x);
}

static void
refused(struct exchange *x)
{
	const struct host *h = host_of(x);
	struct status s = { .code = x->request.head.status,
		.text = &x->text,
		.what = x->is_blob ? "blob" : "image",
		.login = h->is_proxy ? h->authority : x->namespace,
		.had_credential = x->wait.had_credential };
	struct err e = ERR_INIT;

	status_error(&s, &e);
	try_failed(x, &e);
}

/* Twice: a token that had just expired, then a fresh one. */
static void
challenged(struct exchange *x)
{
	struct err e = ERR_INIT;

	if (++x->unauthorized > 2) {
		refused(x);
	} else if (token_challenged(&x->registry->tokens, &x->wait,
		       &x->request.head, &e) == 0) {
		authorise(x);
	} else if (e.code == EACCES) {
		refused(x);
	} else {
		if (e.code == ENOTSUP)
			e.code = EACCES;
		try_failed(x, &e);
	}
}

/* http:// was a guess for a loopback host.  Servers that speak TLS there say so
 * in clear text: Go's "Client sent an HTTP request to an HTTPS server.", nginx'
 * "The plain HTTP request was sent to HTTPS port". */
static bool
turn_to_tls(struct exchange *x)
{
	struct host *h = host_of(x);
	char *base;

	if (x->request.head.status != 400 || x->to.is_https ||
	    x->away != NULL || x->text.len == 0 ||
	    memmem(x->text.data, x->text.len, "HTTPS", 5) == NULL)
		return false;
	if (h->may_be_tls &&
	    asprintf(&base, "https%s", h->base + strlen("http")) >= 0) {
		free(h->base);
		h->base = base;
		h->origin.is_https = true;
		h->may_be_tls = false;
	}
	return h->origin.is_https;
}

static void
ask_whole(struct exchange *x)
{
	if (x->is_remembered) {
		resolve_again(x); /* some say 400 to an expired signature */
		return;
	}
	origins_set_rangeless(&x->registry->origins, &x->to);
	send_request(x);
}

static void
end_error(struct exchange *x)
{
	int status = x->request.head.status;
	bool is_gone =
	    status == 401 || status == 403 || status == 404 || status == 410;

	if (turn_to_tls(x))
		begin_try(x);
	else if (x->plan.verdict == RANGE_ASK_WHOLE)
		ask_whole(x);
	else if (is_redirect(status))
		follow(x);
	else if (x->away != NULL && is_gone && !x->has_resolved_again)
		resolve_again(x);
	else if (status == 401 && !x->has_left)
		challenged(x);
	else
		refused(x);
}

static void
on_done(struct http_request *q, const struct err *failure)
{
	struct exchange *x = container_of(q, struct exchange, request);
	struct err e = failure != NULL ? *failure : x->failure;

	x->is_sent = false;
	if (x->is_aborted)
		fail(x, ECANCELED, "cancelled");
	else if (x->is_blob && x->range.pos == x->range.end)
		finish(x, NULL);
	else if (e.code != 0)
		try_failed(x, &e);
	else if (x->body_kind == BODY_DOCUMENT)
		finish(x, NULL);
	else if (x->body_kind == BODY_BLOB)
		end_blob(x);
	else
		end_error(x);
}

/* ---- from other threads ---- */

static void
resume(struct exchange *x)
{
	struct err e = x->failure;

	if (!x->is_paused)
		return;
	x->is_paused = false;
	if (!x->is_held) {
		http_resume(&x->request);
		return;
	}
	x->is_held = false;
	try_failed(x, &e);
}

static void
begin(struct exchange *x)
{
	struct err e = x->failure;

	if (x->hosts == NULL)
		finish(x, &e);
	else
		choose_host(x);
}

static void
run_job(struct http_job *j)
{
	struct exchange *x = container_of(j, struct exchange, job);
	unsigned asked = atomic_exchange(&x->asked, 0);

	if (asked & ASKED_CANCEL) {
		if (x->is_sent)
			http_abandon(&x->request);
		fail(x, ECANCELED, "cancelled");
	} else if (asked & ASKED_START) {
		begin(x);
	} else if (asked & ASKED_RESUME) {
		resume(x);
	}
}

static void
ask(struct exchange *x, unsigned what)
{
	atomic_fetch_or(&x->asked, what);
	http_submit(x->registry->http, &x->job);
}

void
exchange_start(struct exchange *x)
{
	list_init(&x->job.link);
	list_init(&x->timer.link);
	list_init(&x->wait.link);
	x->job.run = run_job;
	x->timer.fire = on_timer;
	x->request.on_head = on_head;
	x->request.on_bytes = on_bytes;
	x->request.on_done = on_done;
	buf_init(&x->text, ERROR_TEXT_BYTES);
	x->hosts = registry_get_hosts(x->registry, x->namespace, &x->failure);
	ask(x, ASKED_START);
}

void
exchange_resume(struct exchange *x)
{
	ask(x, ASKED_RESUME);
}

void
exchange_cancel(struct exchange *x)
{
	ask(x, ASKED_CANCEL);
}

void
exchange_forget(struct exchange *x)
{
	http_withdraw(x->registry->http, &x->job);
}
