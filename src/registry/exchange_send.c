/* One try: what is sent, to whom, with which rights. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/client.h"
#include "registry/exchange_steps.h"
#include "registry/secret.h"
#include "net/url.h"
#include "base/err.h"
#include "base/metrics.h"

/* Who takes a blob may have to write it down before he answers. */
enum { SENDING_STALL_MS = 120000 };

static const char accept_manifests[] =
    "Accept: application/vnd.oci.image.index.v1+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

static const char *
repository_of(const struct exchange *x)
{
	const struct host *h = exchange_host(x);

	return h->repository != NULL ? h->repository : x->repository;
}

static int
make_url(struct exchange *x)
{
	AUTO_FREE char *ns = url_escape(x->namespace);
	const struct host *h = exchange_host(x);
	bool has_ns = h->is_proxy && !h->has_no_ns;
	const char *joint = strchr(x->path, '?') != NULL ? "&ns=" : "?ns=";

	return ns == NULL ? -1
			  : asprintf(&x->url, "%s/%s/%s%s%s", h->base,
				repository_of(x), x->path, has_ns ? joint : "",
				has_ns ? ns : "");
}

static int
set_url(struct exchange *x, struct err *e)
{
	free(take_ptr(&x->url));
	if (x->at != NULL && (x->url = strdup(x->at)) != NULL)
		return 0;
	if (x->at == NULL && make_url(x) >= 0)
		return 0;
	x->url = NULL;
	return err_set(e, ENOMEM, "a URL");
}

/* Who is asked by x->at: the host itself, or somebody that it sent us to, who
 * gets none of its secrets. */
static int
look_at(struct exchange *x, struct err *e)
{
	const struct origin *host = &exchange_host(x)->origin;

	if (x->at == NULL)
		return 0;
	if (url_origin(x->at, &x->to, e) < 0)
		return -1;
	if (host->is_https && !x->to.is_https)
		return err_set(e, EPROTO,
		    "it wants https left for http (%.80s): refused",
		    x->to.host);
	x->has_left = !origin_equal(&x->to, host);
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
	if (set_url(x, &e) < 0 || look_at(x, &e) < 0) {
		exchange_finish(x, &e);
		return;
	}
	if (x->has_left) {
		exchange_send(x);
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
	x->wait.repository = repository_of(x);
	x->wait.is_push = (x->needs & HOST_PUSH) != 0;
	x->wait.on_ready = on_authorised;
	token_get(&x->registry->tokens, &x->wait);
}

static size_t
count_own(const struct exchange *x)
{
	size_t n = 0;

	while (x->own_headers != NULL && x->own_headers[n] != NULL)
		n++;
	return n;
}

/* What is for the registry stays with the registry: after a redirect to another
 * origin neither its Authorization nor its own headers go along. */
static int
set_headers(struct exchange *x)
{
	const struct host *h = exchange_host(x);
	size_t n_own = count_own(x), at = 0;

	free(take_ptr(&x->headers));
	x->headers = calloc(h->n_headers + n_own + 3, sizeof *x->headers);
	if (x->headers == NULL)
		return -1;
	x->headers[at++] =
	    x->is_blob ? "Accept-Encoding: identity" : accept_manifests;
	for (size_t i = 0; i < n_own; i++)
		x->headers[at++] = x->own_headers[i];
	if (x->has_left)
		return 0;
	if (x->authorization != NULL)
		x->headers[at++] = x->authorization;
	for (size_t i = 0; i < h->n_headers; i++)
		x->headers[at++] = h->headers[i];
	return 0;
}

static bool
may_have_range(const struct exchange *x)
{
	return x->is_blob &&
	       !origins_is_rangeless(&x->registry->origins, &x->to);
}

static bool
may_have_parts(struct exchange *x)
{
	bool may = may_have_range(x) &&
		   !origins_is_partless(&x->registry->origins, &x->to);

	if (!may && x->range.n_gaps > 0)
		x->has_shown = SOURCE_PARTS_REFUSED;
	return may && !x->forgoes_parts;
}

static void
choose_ranges(struct exchange *x)
{
	struct range *r = &x->range;

	range_pass_gap(r);
	range_ask(r, may_have_parts(x));
	r->was_asked = may_have_range(x) &&
		       (r->pos != 0 || r->has_parts || r->ask_end != r->size);
	x->request.ranges = r->was_asked ? x->ranges : NULL;
	if (r->was_asked)
		range_write(r, x->ranges);
	if (r->has_parts)
		metric_add(METRIC_http_several_ranges, 1);
}

static void
reset_answer(struct exchange *x)
{
	x->plan = (struct range_plan){ .verdict = RANGE_TAKE };
	x->failure = ERR_INIT;
	x->body_kind = BODY_NONE;
	x->document.len = 0;
	x->text.len = 0;
	x->came_before = 0;
}

void
exchange_say_rangeless(struct exchange *x)
{
	err_set(&x->failure, ENOTSUP, "it sends no parts of blobs");
}

void
exchange_forgo_parts(struct exchange *x)
{
	x->forgoes_parts = true;
	x->range.has_parts = false;
	x->has_shown = SOURCE_PARTS_REFUSED;
	origins_set_partless(&x->registry->origins, &x->to);
}

void
exchange_send(struct exchange *x)
{
	struct http_request *q = &x->request;

	reset_answer(x);
	choose_ranges(x);
	if (x->needs_range && !x->range.was_asked) {
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
	q->url = x->away != NULL ? x->away : x->url;
	q->headers = x->headers;
	q->tls = &x->tls;
	q->method = x->method;
	q->sends = x->sends;
	q->sends_len = x->sends_len;
	q->stall_timeout_ms = x->sends_len > 0 ? SENDING_STALL_MS : 0;
	q->class = x->class;
	q->is_alone = x->is_alone;
	q->connect_timeout_ms =
	    x->has_left ? 0 : exchange_host(x)->connect_timeout_ms;
	q->body_max = UINT64_MAX;
	x->is_sent = true;
	http_send(x->registry->http, q);
	if (x->on_sent != NULL)
		x->on_sent(x);
}
