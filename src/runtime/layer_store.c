#include "runtime/layer_store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/labels.h"
#include "runtime/pulls.h"
#include "runtime/snapshotter.h"
#include "runtime/store_layers.h"
#include "runtime/store_path.h"
#include "mount/path_fs.h"
#include "layer/catalog.h"
#include "registry/reference.h"
#include "registry/source.h"
#include "supervisor/agent.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/pool.h"

/* What asks nobody has a thread of its own, so that the order of uses is that
 * of the counts and a registry that is slow holds up no container. */
enum { LOCAL_THREADS = 1, PULL_THREADS = 8, EXPIRE_INTERVAL_S = 5 };

struct layer_store {
	struct layer_store_parts parts;
	struct snapshotter_parts pull_parts;
	struct pulls *pulls;
	struct store_layers *layers;
	struct pool *local, *pullers;
	struct path_fs *fs;
	struct timer *timer;
};

/* A question that a thread has to answer. */
struct question {
	struct task task;
	struct layer_store *store;
	struct path_ask *ask;
	struct store_path path;
};

/* ---- answers ---- */

static void
free_question(struct question *q)
{
	store_path_release(&q->path);
	free(q);
}

/* The link leads out of the store's own mount, to one beside it: wherever RUN
 * is seen, and by whatever path. */
static void
answer_layer(struct path_ask *a, enum store_place place,
    const struct store_answer *found)
{
	char target[AGENT_ID_MAX + 16];

	if (place == STORE_DIFF) {
		snprintf(target, sizeof target, "../../../%s", found->id);
		path_answer_link(a, target);
	} else if (place == STORE_INFO) {
		path_answer_text(a, found->info);
	} else {
		path_answer_file(a, found->blob_size);
	}
	free(found->info);
}

static void
answer_question(struct question *q, int rc, const struct store_answer *found,
    const struct err *e)
{
	if (rc == 0) {
		answer_layer(q->ask, q->path.place, found);
	} else {
		log_info("podman does without %s of %s: %s",
		    DIGEST_TEXT(&q->path.digest), q->path.reference, e->msg);
		path_answer_error(q->ask, ENOENT);
	}
	free_question(q);
}

static void
run_pull(struct task *t)
{
	struct question *q = container_of(t, struct question, task);
	struct store_answer found;
	struct err e;
	int rc =
	    store_layers_take(q->store->layers, &q->path, false, &found, &e);

	answer_question(q, rc, &found, &e);
}

static void
run_look(struct task *t)
{
	struct question *q = container_of(t, struct question, task);
	struct store_answer found;
	struct err e;
	int rc =
	    store_layers_take(q->store->layers, &q->path, true, &found, &e);

	if (rc < 0 && e.code == EAGAIN) {
		q->task.run = run_pull;
		pool_submit(q->store->pullers, &q->task, 0);
		return;
	}
	answer_question(q, rc, &found, &e);
}

/* podman takes ENOENT for "counted"; it cannot be told more. */
static void
end_count(struct question *q, int rc, const struct err *e)
{
	if (rc < 0)
		log_warn("podman's use is not counted: %s", e->msg);
	path_answer_error(q->ask, ENOENT);
	free_question(q);
}

static void
run_use(struct task *t)
{
	struct question *q = container_of(t, struct question, task);
	struct err e;

	end_count(q, store_layers_use(q->store->layers, &q->path, &e), &e);
}

static void
run_release(struct task *t)
{
	struct question *q = container_of(t, struct question, task);
	struct err e;

	end_count(q, store_layers_release(q->store->layers, &q->path, &e), &e);
}

/* ---- questions, on a "fuse" thread ---- */

static void
defer(struct layer_store *s, struct path_ask *a, struct store_path *p,
    void (*run)(struct task *t))
{
	struct question *q = calloc(1, sizeof *q);

	if (q == NULL) {
		path_answer_error(a, ENOMEM);
		return;
	}
	q->task.run = run;
	q->store = s;
	q->ask = a;
	q->path = *p;
	p->reference = NULL;
	pool_submit(s->local, &q->task, 0);
}

static void
look(struct layer_store *s, struct path_ask *a, struct store_path *p)
{
	struct store_answer found;

	switch (p->place) {
	case STORE_REFERENCE:
	case STORE_LAYER:
		path_answer_folder(a);
		return;
	case STORE_USE:
		path_answer_error(a, ENOENT);
		return;
	default:
		break;
	}
	if (store_layers_find(s->layers, p, &found))
		answer_layer(a, p->place, &found);
	else
		defer(s, a, p, run_look);
}

static void
on_ask(void *ctx, struct path_ask *a)
{
	struct layer_store *s = ctx;
	enum path_question question = path_ask_question(a);
	AUTO_STORE_PATH struct store_path p = { 0 };
	struct err e;

	if (store_path_parse(&p, path_ask_path(a), &e) < 0) {
		log_debug("layer store: %s", e.msg);
		path_answer_error(a, ENOENT);
	} else if (question == PATH_LOOKUP) {
		look(s, a, &p);
	} else if (question == PATH_CREATE && p.place == STORE_USE) {
		defer(s, a, &p, run_use);
	} else if (question == PATH_REMOVE_FOLDER && p.place == STORE_LAYER) {
		defer(s, a, &p, run_release);
	} else {
		path_answer_error(a, EROFS);
	}
}

/* ---- blobs ---- */

struct blob_read {
	struct task task;
	struct layer_store *store;
	struct path_read *read;
	struct store_path path;
};

/* The registry that the reference names; the client knows of its mirrors. */
static struct source *
open_source(struct layer_store *s, const char *name, struct err *e)
{
	struct registry *client = catalog_parts(s->parts.catalog)->registry;
	AUTO_REFERENCE struct reference r = { 0 };

	if (reference_parse(&r, name, e) < 0)
		return NULL;
	if (s->parts.authorise != NULL)
		s->parts.authorise(s->parts.ctx, &r);
	return source_new_registry(client, r.host, r.repository, e);
}

static int
read_part(struct blob_read *b, struct buf *out, struct err *e)
{
	struct layer_store *s = b->store;
	struct store_answer found;
	struct source_part part;
	struct source *source;
	int rc;

	if (store_layers_take(s->layers, &b->path, false, &found, e) < 0)
		return -1;
	free(found.info);
	source = open_source(s, b->path.reference, e);
	if (source == NULL)
		return -1;
	part = (struct source_part){ .blob = &found.blob,
		.blob_size = found.blob_size,
		.off = path_read_offset(b->read),
		.len = path_read_length(b->read) };
	rc = source_read_all(source, &part, out, e);
	source_unref(source);
	return rc;
}

static void
run_blob_read(struct task *t)
{
	struct blob_read *b = container_of(t, struct blob_read, task);
	AUTO_BUF struct buf bytes = BUF_INIT(path_read_length(b->read));
	struct err e;

	if (read_part(b, &bytes, &e) == 0) {
		path_read_answer(b->read, bytes.data);
	} else {
		log_error("%s of %s cannot be read: %s",
		    DIGEST_TEXT(&b->path.digest), b->path.reference, e.msg);
		path_read_fail(b->read, EIO);
	}
	store_path_release(&b->path);
	free(b);
}

/* On a "fuse" thread. */
static void
on_read(void *ctx, struct path_read *r)
{
	struct layer_store *s = ctx;
	struct blob_read *b = calloc(1, sizeof *b);
	struct err e;

	if (b == NULL ||
	    store_path_parse(&b->path, path_read_path(r), &e) < 0) {
		free(b);
		path_read_fail(r, EIO);
		return;
	}
	b->task.run = run_blob_read;
	b->store = s;
	b->read = r;
	pool_submit(s->pullers, &b->task, 1);
}

/* ---- what is not used any more ---- */

struct expiry {
	struct task task;
	struct layer_store *store;
};

static void
run_expiry(struct task *t)
{
	struct expiry *x = container_of(t, struct expiry, task);

	store_layers_expire(x->store->layers);
	pulls_expire(x->store->pulls, clock_now_ns());
	free(x);
}

static void set_timer(struct layer_store *s);

static void
on_time(void *ctx)
{
	struct layer_store *s = ctx;
	struct expiry *x = calloc(1, sizeof *x);

	if (x != NULL) {
		x->task.run = run_expiry;
		x->store = s;
		pool_submit(s->local, &x->task, 2);
	}
	set_timer(s);
}

static void
set_timer(struct layer_store *s)
{
	struct err e;

	s->timer = loop_at(s->parts.loop,
	    clock_now_ns() + EXPIRE_INTERVAL_S * NS_PER_S, on_time, s, &e);
	if (s->timer == NULL)
		log_warn("layer store: %s", e.msg);
}

/* ---- from start to end ---- */

static struct image *
open_image(void *ctx, const char *reference, const struct digest *manifest,
    struct err *e)
{
	struct layer_store *s = ctx;
	struct remote_request r = { .reference = reference };

	if (manifest != NULL) {
		r.has_manifest = true;
		r.manifest = *manifest;
	}
	return pulls_take(s->pulls, &r, e);
}

static int
open_parts(struct layer_store *s, struct err *e)
{
	const struct layer_store_parts *p = &s->parts;
	const struct store_layers_parts layers = { .db = p->db,
		.catalog = p->catalog,
		.showings = p->showings,
		.open = open_image,
		.ctx = s };

	s->pull_parts = (struct snapshotter_parts){ .catalog = p->catalog,
		.authorise = p->authorise,
		.ctx = p->ctx,
		.prepare_timeout_ms = p->timeout_ms,
		.whole_layer_bytes = p->whole_layer_bytes,
		.small_layer_bytes = p->small_layer_bytes };
	if ((s->pulls = pulls_new(&s->pull_parts, e)) == NULL ||
	    (s->layers = store_layers_new(&layers, e)) == NULL ||
	    (s->local = pool_new("store", LOCAL_THREADS, e)) == NULL)
		return -1;
	s->pullers = pool_new("store-pull", PULL_THREADS, e);
	return s->pullers == NULL ? -1 : 0;
}

struct layer_store *
layer_store_new(
    const struct layer_store_parts *p, struct held *h, struct err *e)
{
	struct layer_store *s = calloc(1, sizeof *s);
	const struct path_fs_options o = {
		.id = AGENT_STORE_ID,
		.source = "layerfs:store",
		.ask = on_ask,
		.read = on_read,
		.ctx = s,
	};

	if (s == NULL) {
		err_set(e, ENOMEM, "layer store");
		return NULL;
	}
	s->parts = *p;
	if (open_parts(s, e) < 0 ||
	    (s->fs = path_fs_new(p->server, &o, h, e)) == NULL) {
		layer_store_free(s);
		return NULL;
	}
	set_timer(s);
	return s;
}

/* Questions that wait are answered, or left to the next worker. */
void
layer_store_free(struct layer_store *s)
{
	if (s == NULL)
		return;
	if (s->timer != NULL)
		timer_cancel(s->timer);
	pool_free(s->local);
	pool_free(s->pullers);
	path_fs_free(s->fs);
	store_layers_free(s->layers);
	pulls_free(s->pulls);
	free(s);
}
