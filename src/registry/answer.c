#include "registry/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/client.h"
#include "registry/exchange_steps.h"
#include "registry/secret.h"
#include "registry/status.h"
#include "base/err.h"
#include "base/limits.h"

enum {
	DRAIN_BYTES = 64 << 10, /* read to the end to keep the connection */
};

/* ---- head and body ---- */

static enum http_verdict
begin_blob(struct exchange *x)
{
	const struct http_head *h = &x->request.head;

	x->body_kind = BODY_ERROR; /* until it is known to be ours */
	if (range_plan(&x->plan, &x->range, h, &x->failure) < 0)
		return HTTP_STOP;
	if (x->plan.verdict == RANGE_ASK_ONE ||
	    x->plan.verdict == RANGE_ASK_WHOLE)
		return h->status < 400 ? HTTP_STOP : HTTP_CONTINUE;
	if (x->plan.ignores_ranges)
		origins_set_rangeless(&x->registry->origins, &x->to);
	if (x->plan.ignores_ranges && x->needs_range) {
		exchange_say_rangeless(x);
		return HTTP_STOP;
	}
	x->body_kind = BODY_BLOB;
	if (x->plan.verdict == RANGE_TAKE_PARTS) {
		x->body_kind = BODY_PARTS;
		parts_init(&x->parts, h->boundary);
	}
	if (x->away != NULL && !x->is_remembered)
		redirects_keep(&x->registry->redirects, x->url, x->away);
	return HTTP_CONTINUE;
}

static enum http_verdict
begin_document(struct exchange *x)
{
	const struct http_head *h = &x->request.head;

	x->body_kind = BODY_DOCUMENT;
	if (x->method != NULL || h->content_type == NULL ||
	    strcmp(h->content_type, "text/html") != 0)
		return HTTP_CONTINUE;
	err_set(&x->failure, EPROTO,
	    "a web page instead of the manifest: is a proxy or a network "
	    "login in between?");
	return HTTP_STOP;
}

static bool
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

/* A registry redirects only to what it has: who asks whether there is something
 * need not go there, where he may not be let in. */
static bool
is_good(const struct exchange *x, int status)
{
	if (x->method == NULL)
		return status == 200;
	return (status >= 200 && status < 300) ||
	       (is_redirect(status) && strcmp(x->method, "HEAD") == 0);
}

enum http_verdict
answer_on_head(struct http_request *q)
{
	struct exchange *x = container_of(q, struct exchange, request);
	int status = q->head.status;

	x->body_kind = BODY_ERROR;
	if (status < 400)
		origins_set_up(
		    &x->registry->origins, &exchange_host(x)->origin);
	if (x->is_blob && (status == 200 || status == 206 || status == 400 ||
			      status == 416 || status == 501))
		return begin_blob(x);
	if (!x->is_blob && is_good(x, status))
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

/* What comes after ours is nothing where we asked for a part, or the rest of a
 * whole blob: read to the end, if that is near. */
static bool
is_short_rest(const struct exchange *x, size_t surplus)
{
	if (x->request.head.status == 206 || x->range.end == x->range.size)
		return surplus == 0;
	return x->range.size - x->range.end <= DRAIN_BYTES &&
	       x->request.body_len <= x->range.size;
}

/* HTTP_CONTINUE: the reader took them. */
static enum http_verdict
give(struct exchange *x, const uint8_t *p, size_t n)
{
	switch (x->on_bytes(x, p, n)) {
	case SOURCE_PAUSE:
		x->is_paused = true;
		return HTTP_PAUSE;
	case SOURCE_ABORT:
		x->is_aborted = true;
		return HTTP_STOP;
	default:
		x->range.pos += n;
		return HTTP_CONTINUE;
	}
}

/* Nothing of the plan is used up until the reader took its bytes: after a pause
 * the same bytes come again. */
static enum http_verdict
take_blob(struct exchange *x, const uint8_t *p, size_t n)
{
	size_t skip = min_u64(n, x->plan.skip);
	size_t ours = min_u64(n - skip, x->plan.take);
	enum http_verdict v =
	    ours == 0 ? HTTP_CONTINUE : give(x, p + skip, ours);

	if (v != HTTP_CONTINUE)
		return v;
	x->plan.skip -= skip;
	x->plan.take -= ours;
	if (x->plan.take > 0 || is_short_rest(x, n - skip - ours))
		return HTTP_CONTINUE;
	return HTTP_STOP;
}

/* *took of the n bytes: text, or bytes of one part. */
static enum http_verdict
take_of_parts(struct exchange *x, const uint8_t *p, size_t n, size_t *took)
{
	struct parts *parts = &x->parts;
	enum http_verdict v;

	*took = min_u64(n, parts->left);
	if (*took == 0)
		return parts_take_text(parts, p, n, took, &x->failure) < 0 ||
			       (parts->left > 0 &&
				   range_check_part(&x->range, &parts->range,
				       &x->failure) < 0)
			   ? HTTP_STOP
			   : HTTP_CONTINUE;
	v = give(x, p, *took);
	if (v != HTTP_CONTINUE)
		return v;
	parts_pass(parts, *took);
	if (parts->left == 0) {
		range_pass_gap(&x->range);
		x->has_shown = SOURCE_PARTS_GIVEN;
	}
	return HTTP_CONTINUE;
}

/* After a pause the same bytes come again, those too that were taken. */
static enum http_verdict
take_parts(struct exchange *x, const uint8_t *p, size_t n)
{
	size_t at = min_u64(n, x->came_before), took;

	x->came_before -= at;
	for (; at < n; at += took) {
		enum http_verdict v = take_of_parts(x, p + at, n - at, &took);

		if (v == HTTP_PAUSE)
			x->came_before = at;
		if (v != HTTP_CONTINUE)
			return v;
	}
	return HTTP_CONTINUE;
}

enum http_verdict
answer_on_bytes(struct http_request *q, const void *p, size_t n)
{
	struct exchange *x = container_of(q, struct exchange, request);

	switch (x->body_kind) {
	case BODY_BLOB:
		return take_blob(x, p, n);
	case BODY_PARTS:
		return take_parts(x, p, n);
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
	bool is_whole =
	    x->body_kind == BODY_PARTS ? x->parts.is_over : x->plan.take == 0;
	struct err e = ERR_INIT;

	if (x->range.pos == x->range.end) {
		exchange_finish(x, NULL);
	} else if (is_whole) { /* a shorter part than asked for */
		if (x->range.has_parts)
			exchange_forgo_parts(x);
		exchange_send(x);
	} else {
		err_set(&e, EAGAIN, "the connection ended early");
		exchange_try_failed(x, &e);
	}
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
		exchange_try_failed(x, &e);
		return;
	}
	if (!origin_equal(&to, &exchange_host(x)->origin))
		x->has_left = true;
	exchange_set_away(x, take_ptr(&url));
	x->to = to;
	exchange_send(x);
}

static void
resolve_again(struct exchange *x)
{
	x->has_resolved_again = true;
	redirects_forget(&x->registry->redirects, x->url);
	exchange_set_away(x, NULL);
	exchange_authorise(x);
}

static void
refused(struct exchange *x)
{
	const struct host *h = exchange_host(x);
	struct status s = { .code = x->request.head.status,
		.text = &x->text,
		.what = x->what != NULL ? x->what
			: x->is_blob    ? "blob"
					: "image",
		.login = h->is_proxy ? h->authority : x->namespace,
		.had_credential = x->wait.had_credential };
	struct err e = ERR_INIT;

	status_error(&s, &e);
	exchange_try_failed(x, &e);
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
		exchange_authorise(x);
	} else if (e.code == EACCES) {
		refused(x);
	} else {
		if (e.code == ENOTSUP)
			e.code = EACCES;
		exchange_try_failed(x, &e);
	}
}

/* The answer to HEAD has no words. */
static bool
speaks_of_tls(const struct exchange *x)
{
	if (x->method != NULL && strcmp(x->method, "HEAD") == 0)
		return exchange_host(x)->may_be_tls;
	return x->text.len > 0 &&
	       memmem(x->text.data, x->text.len, "HTTPS", 5) != NULL;
}

/* http:// was a guess for a loopback host.  Servers that speak TLS there say so
 * in clear text: Go's "Client sent an HTTP request to an HTTPS server.", nginx'
 * "The plain HTTP request was sent to HTTPS port". */
static bool
turn_to_tls(struct exchange *x)
{
	struct host *h = exchange_host(x);
	char *base;

	if (x->request.head.status != 400 || x->to.is_https ||
	    x->away != NULL || !speaks_of_tls(x))
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
ask_otherwise(struct exchange *x)
{
	if (x->is_remembered && x->request.head.status >= 400) {
		resolve_again(x); /* some say 400 to an expired signature */
		return;
	}
	if (x->plan.verdict == RANGE_ASK_ONE)
		exchange_forgo_parts(x);
	else
		origins_set_rangeless(&x->registry->origins, &x->to);
	exchange_send(x);
}

static void
end_error(struct exchange *x)
{
	int status = x->request.head.status;
	bool is_gone =
	    status == 401 || status == 403 || status == 404 || status == 410;

	if (turn_to_tls(x))
		exchange_begin_try(x);
	else if (x->plan.verdict != RANGE_TAKE)
		ask_otherwise(x);
	else if (is_redirect(status))
		follow(x);
	else if (x->away != NULL && is_gone && !x->has_resolved_again)
		resolve_again(x);
	else if (status == 401 && !x->has_left)
		challenged(x);
	else
		refused(x);
}

void
answer_on_done(struct http_request *q, const struct err *failure)
{
	struct exchange *x = container_of(q, struct exchange, request);
	struct err e = failure != NULL ? *failure : x->failure;

	x->is_sent = false;
	if (x->is_aborted)
		exchange_fail(x, ECANCELED, "cancelled");
	else if (x->is_blob && x->range.pos == x->range.end)
		exchange_finish(x, NULL);
	else if (e.code != 0)
		exchange_try_failed(x, &e);
	else if (x->body_kind == BODY_DOCUMENT)
		exchange_finish(x, NULL);
	else if (x->body_kind == BODY_BLOB || x->body_kind == BODY_PARTS)
		end_blob(x);
	else
		end_error(x);
}
