/* A repository of a registry as a source. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/race.h"
#include "registry/source.h"
#include "base/err.h"
#include "base/list.h"

struct registry_source {
	struct source source;
	struct registry *registry;
	char *host;
	char *repository;
};

static struct registry_source *
of(struct source *s)
{
	return container_of(s, struct registry_source, source);
}

static void
on_over(void *ctx)
{
	source_unref(ctx);
}

static void
registry_source_read(struct source *s, struct source_read *r)
{
	const struct race_track t = {
		.registry = of(s)->registry,
		.namespace = of(s)->host,
		.repository = of(s)->repository,
		.name = s->name,
		.read = r,
		.on_over = on_over,
		.ctx = source_ref(s),
	};
	struct race *race = race_new(&t);
	struct err e = ERR_INIT;

	r->gave = 0;
	r->state = race;
	if (race != NULL) {
		race_start(race);
		return;
	}
	source_unref(s);
	err_set(&e, ENOMEM, "%s: a read", s->name);
	r->on_done(r, &e);
}

static void
registry_source_resume(struct source *s, struct source_read *r)
{
	(void)s;
	race_resume(r->state);
}

static void
registry_source_cancel(struct source *s, struct source_read *r)
{
	(void)s;
	race_cancel(r->state);
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
