#include "registry/exchange.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "registry/answer.h"
#include "registry/client.h"
#include "registry/exchange_steps.h"
#include "registry/secret.h"
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
};

static const char accept_manifests[] =
    "Accept: application/vnd.oci.image.index.v1+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

static void choose_host(struct exchange *x);

struct host *
exchange_host(const struct exchange *x)
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

void
exchange_finish(struct exchange *x, const struct err *failure)
{
	release(x);
	x->on_done(x, failure);
}

void
exchange_fail(struct exchange *x, int code, const char *why)
{
	struct err e = ERR_INIT;

	err_set(&e, code, "%s", why);
	exchange_finish(x, &e);
}

/* ---- tries ---- */

void
exchange_set_away(struct exchange *x, char *take_url)
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
	const struct host *h = exchange_host(x);

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
void
exchange_begin_try(struct exchange *x)
{
	struct err e = ERR_INIT;
	char *known = NULL;

	x->redirects = x->unauthorized = 0;
	x->has_resolved_again = false;
	x->failure = ERR_INIT;
	exchange_set_away(x, NULL);
	if (set_url(x, &e) < 0) {
		exchange_finish(x, &e);
		return;
	}
	if (x->is_blob)
		known = redirects_find(&x->registry->redirects, x->url);
	if (known != NULL && url_origin(known, &x->to, &e) == 0) {
		exchange_set_away(x, known);
		x->has_left = true;
		x->is_remembered = true;
		exchange_send(x);
		return;
	}
	secret_free(known);
	exchange_authorise(x);
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
		exchange_finish(x, &last);
		return;
	}
	x->tries = 0;
	x->tried_pos = x->range.pos;
	exchange_begin_try(x);
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
	exchange_begin_try(container_of(t, struct exchange, timer));
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
	const char *authority = exchange_host(x)->authority;

	if (x->away != NULL)
		err_wrap(
		    e, "%.100s (redirected from %s)", x->to.host, authority);
	else if (strcmp(authority, x->namespace) != 0)
		err_wrap(e, "%s", authority);
}

/* While paused nothing may end: the reader is about to call resume. */
void
exchange_try_failed(struct exchange *x, const struct err *failure)
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
		origins_set_down(
		    &x->registry->origins, &exchange_host(x)->origin);
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
		exchange_try_failed(x, failure);
		return;
	}
	if (header != NULL && (x->authorization = strdup(header)) == NULL) {
		exchange_fail(x, ENOMEM, "a request");
		return;
	}
	exchange_send(x);
}

void
exchange_authorise(struct exchange *x)
{
	x->to = exchange_host(x)->origin;
	x->is_remembered = false;
	x->wait.hosts = x->hosts;
	x->wait.host = exchange_host(x);
	x->wait.repository = x->repository;
	x->wait.on_ready = on_authorised;
	token_get(&x->registry->tokens, &x->wait);
}

/* What is for the registry stays with the registry: after a redirect to another
 * origin neither its Authorization nor its own headers go along. */
static int
set_headers(struct exchange *x)
{
	const struct host *h = exchange_host(x);
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

void
exchange_say_rangeless(struct exchange *x)
{
	err_set(&x->failure, ENOTSUP, "it sends no parts of blobs");
}

void
exchange_send(struct exchange *x)
{
	struct http_request *q = &x->request;

	reset_answer(x);
	if (x->needs_range && !wants_range(x)) {
		exchange_say_rangeless(x);
		exchange_try_failed(x, &x->failure);
		return;
	}
	if (set_headers(x) < 0) {
		exchange_fail(x, ENOMEM, "a request");
		return;
	}
	x->tls = exchange_host(x)->tls;
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
	exchange_try_failed(x, &e);
}

static void
begin(struct exchange *x)
{
	struct err e = x->failure;

	if (x->hosts == NULL)
		exchange_finish(x, &e);
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
		exchange_fail(x, ECANCELED, "cancelled");
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
	x->request.on_head = answer_on_head;
	x->request.on_bytes = answer_on_bytes;
	x->request.on_done = answer_on_done;
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
