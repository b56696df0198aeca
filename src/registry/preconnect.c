#include "registry/preconnect.h"

#include <stdio.h>
#include <stdlib.h>

#include "registry/client.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"

enum { CONNECTIONS_MAX = 15, ANSWER_BYTES = 64 << 10 };

/* Who has not answered by then keeps connections from those who need them. */
#define PATIENCE_NS NS_PER_S

struct greeting {
	struct http_request request;
	struct preconnect *whole;
};

struct preconnect {
	struct http_job job;
	struct http_timer timer;
	struct list link;
	struct registry *registry;
	struct host_list *hosts;
	char *url;
	unsigned pending;
	struct greeting greetings[CONNECTIONS_MAX];
};

static void
preconnect_free(struct preconnect *p)
{
	list_remove(&p->link);
	http_clear_timer(&p->timer);
	host_list_unref(p->hosts);
	free(p->url);
	free(p);
}

/* ---- one ---- */

static enum http_verdict
on_head(struct http_request *q)
{
	(void)q;
	return HTTP_CONTINUE;
}

static enum http_verdict
on_bytes(struct http_request *q, const void *p, size_t n)
{
	(void)q;
	(void)p;
	(void)n;
	return HTTP_CONTINUE;
}

static void
on_done(struct http_request *q, const struct err *failure)
{
	struct preconnect *p = container_of(q, struct greeting, request)->whole;

	(void)failure;
	http_request_release(q);
	if (--p->pending == 0)
		preconnect_free(p);
}

static void
greet(struct preconnect *p, const struct host *h, struct greeting *g)
{
	g->whole = p;
	g->request = (struct http_request){ .url = p->url,
		.headers = (const char *const *)h->headers,
		.tls = &h->tls,
		.class = HTTP_NORMAL,
		.body_max = ANSWER_BYTES,
		.on_head = on_head,
		.on_bytes = on_bytes,
		.on_done = on_done };
	p->pending++;
	http_send(p->registry->http, &g->request);
}

/* ---- all of them ---- */

static void
abandon(struct preconnect *p)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct http_request *q = &p->greetings[i].request;

		if (q->http == NULL)
			continue;
		http_abandon(q);
		http_request_release(q);
	}
	preconnect_free(p);
}

static void
on_timer(struct http_timer *t)
{
	abandon(container_of(t, struct preconnect, timer));
}

static const struct host *
choose_host(const struct preconnect *p)
{
	struct origins *o = &p->registry->origins;

	for (size_t i = 0; i < p->hosts->n; i++) {
		const struct host *h = &p->hosts->hosts[i];

		if ((h->can & HOST_PULL) == 0 || origins_is_down(o, &h->origin))
			continue;
		if (h->origin.is_https || origins_is_warm(o, &h->origin))
			return NULL;
		origins_set_warm(o, &h->origin);
		return h;
	}
	return NULL;
}

/* One of the host's connections is the manifest's. */
static void
run(struct http_job *j)
{
	struct preconnect *p = container_of(j, struct preconnect, job);
	const struct host *h = choose_host(p);
	unsigned n = min_u64(p->registry->max_connections - 1, CONNECTIONS_MAX);

	if (h == NULL || n == 0 || asprintf(&p->url, "%s/", h->base) < 0) {
		p->url = NULL;
		preconnect_free(p);
		return;
	}
	list_push_back(&p->registry->preconnects.all, &p->link);
	p->timer.fire = on_timer;
	for (unsigned i = 0; i < n; i++)
		greet(p, h, &p->greetings[i]);
	http_set_timer(p->registry->http, &p->timer, PATIENCE_NS);
}

void
preconnect(struct registry *r, const char *namespace, const char *repository)
{
	struct preconnect *p = calloc(1, sizeof *p);
	struct err unknown = ERR_INIT;

	if (p == NULL)
		return;
	list_init(&p->job.link);
	list_init(&p->timer.link);
	list_init(&p->link);
	p->job.run = run;
	p->registry = r;
	p->hosts = registry_get_hosts(r, namespace, repository, &unknown);
	if (p->hosts == NULL)
		preconnect_free(p);
	else
		http_submit(r->http, &p->job);
}

void
preconnects_init(struct preconnects *p)
{
	list_init(&p->all);
}

void
preconnects_release(struct preconnects *p)
{
	struct list *l;

	while ((l = list_pop_front(&p->all)) != NULL)
		abandon(list_entry(l, struct preconnect, link));
}
