/* A repository of a registry as a source. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/client.h"
#include "registry/exchange.h"
#include "base/err.h"

struct registry_source {
	struct source source;
	struct registry *registry;
	char *host;
	char *repository;
};

struct registry_read {
	struct exchange exchange;
	struct source_read *read;
	struct registry_source *source; /* a reference */
	char path[sizeof "blobs/" + DIGEST_TEXT_SIZE];
};

static struct registry_source *
of(struct source *s)
{
	return container_of(s, struct registry_source, source);
}

static enum source_verdict
on_bytes(struct exchange *x, const void *p, size_t n)
{
	struct registry_read *q =
	    container_of(x, struct registry_read, exchange);

	return q->read->on_bytes(q->read, p, n);
}

static void
on_done(struct exchange *x, const struct err *failure)
{
	struct registry_read *q =
	    container_of(x, struct registry_read, exchange);
	struct registry_source *s = q->source;
	struct source_read *r = q->read;
	struct err e = ERR_INIT;

	if (failure != NULL) {
		e = *failure;
		err_wrap(&e, "%s: blob %.19s", s->source.name,
		    DIGEST_TEXT(&r->blob));
	}
	/* Until this returns another thread may still resume or cancel. */
	r->on_done(r, failure != NULL ? &e : NULL);
	exchange_forget(&q->exchange);
	free(q);
	source_unref(&s->source);
}

static enum http_class
class_of(enum source_priority p)
{
	switch (p) {
	case SOURCE_NOW:
		return HTTP_URGENT;
	case SOURCE_SOON:
		return HTTP_NORMAL;
	default:
		return HTTP_BULK;
	}
}

static void
registry_source_read(struct source *s, struct source_read *r)
{
	struct registry_read *q = calloc(1, sizeof *q);
	struct exchange *x = &q->exchange;

	if (q == NULL) {
		struct err e = ERR_INIT;

		err_set(&e, ENOMEM, "%s: a read", s->name);
		r->on_done(r, &e);
		return;
	}
	r->state = q;
	q->read = r;
	q->source = of(source_ref(s));
	snprintf(q->path, sizeof q->path, "blobs/%s", DIGEST_TEXT(&r->blob));
	x->registry = of(s)->registry;
	x->namespace = of(s)->host;
	x->repository = of(s)->repository;
	x->path = q->path;
	x->needs = HOST_PULL;
	x->class = class_of(r->priority);
	x->is_blob = true;
	x->range = (struct range){
		.pos = r->off, .end = r->off + r->len, .size = r->blob_size
	};
	x->needs_range = r->needs_range;
	x->on_bytes = on_bytes;
	x->on_done = on_done;
	exchange_start(x);
}

static void
registry_source_resume(struct source *s, struct source_read *r)
{
	struct registry_read *q = r->state;

	(void)s;
	exchange_resume(&q->exchange);
}

static void
registry_source_cancel(struct source *s, struct source_read *r)
{
	struct registry_read *q = r->state;

	(void)s;
	exchange_cancel(&q->exchange);
}

static void
registry_source_free(struct source *s)
{
	free(of(s)->host);
	free(of(s)->repository);
	free(s->name);
	free(of(s));
}

static const struct source_ops registry_source_ops = {
	.has_slow_start = true,
	.read = registry_source_read,
	.resume = registry_source_resume,
	.cancel = registry_source_cancel,
	.free = registry_source_free,
};

struct source *
source_new_registry(
    struct registry *r, const char *host, const char *repository, struct err *e)
{
	struct registry_source *s = calloc(1, sizeof *s);

	if (s == NULL)
		goto no_memory;
	s->source.ops = &registry_source_ops;
	s->source.refs = 1;
	s->registry = r;
	s->host = strdup(host);
	s->repository = strdup(repository);
	if (asprintf(&s->source.name, "%s/%s", host, repository) < 0)
		s->source.name = NULL;
	if (s->host != NULL && s->repository != NULL && s->source.name != NULL)
		return &s->source;
	registry_source_free(&s->source);
no_memory:
	err_set(e, ENOMEM, "a source");
	return NULL;
}
