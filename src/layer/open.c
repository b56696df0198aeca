/* Opening an image: the config and every layer at once, each on a thread of the
 * makers' pool; the caller waits for all of them.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer/companions.h"
#include "layer/documents.h"
#include "layer/files.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "layer/sources.h"
#include "fetch/ahead.h"
#include "fetch/fetch.h"
#include "registry/registry.h"
#include "registry/source.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/pool.h"

enum config_state { CONFIG_PENDING, CONFIG_KNOWN, CONFIG_FAILED };

struct opening {
	struct image *image;
	const struct image_opening *options;
	struct task config_task;

	struct lock lock; /* guards what follows */
	struct cond changed;
	size_t pending;     /* tasks that have not ended */
	struct err failure; /* the first */
	enum config_state config;
	struct err config_failure;
};

struct layer_task {
	struct task task;
	struct opening *opening;
	size_t i;
};

/* ---- the config: a layer that is read whole needs it to go on ---- */

static int
parse_config(struct image *i, const struct buf *text, struct err *e)
{
	struct image_config c = { 0 };
	int rc = 0;

	if (image_config_parse(&c, text->data, text->len, e) < 0)
		return -1;
	if (c.n_diff_ids == i->manifest.n_layers)
		i->diff_ids = take_ptr(&c.diff_ids);
	else
		rc = err_set(e, EBADMSG, "%zu diff_ids for %zu layers",
		    c.n_diff_ids, i->manifest.n_layers);
	image_config_release(&c);
	return rc;
}

static int
find_config(struct image *i, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_BYTES);

	if (files_read_blob(catalog_parts(i->catalog)->store,
		&i->manifest.config.digest, &text, e) < 0)
		return -1;
	return parse_config(i, &text, e);
}

static int
fetch_config(struct opening *o, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_BYTES);
	struct image *i = o->image;
	const struct descriptor *d = &i->manifest.config;

	if (source_read_verified(o->options->source, d, &text, e) < 0 ||
	    parse_config(i, &text, e) < 0 ||
	    documents_save(i->catalog, &d->digest, text.data, text.len, e) < 0)
		return err_wrap(e, "config of %s", i->label);
	return 0;
}

static void
end_task(struct opening *o)
{
	assert(o->pending > 0);
	o->pending--;
	cond_broadcast(&o->changed);
}

static void
run_config(struct task *t)
{
	struct opening *o = container_of(t, struct opening, config_task);
	struct err e = ERR_INIT;
	int rc = fetch_config(o, &e);

	LOCK_SCOPE(&o->lock);
	o->config = rc == 0 ? CONFIG_KNOWN : CONFIG_FAILED;
	o->config_failure = e;
	end_task(o);
}

static int
wait_diff_id(void *ctx, struct digest *out, struct err *e)
{
	struct layer_task *t = ctx;
	struct opening *o = t->opening;

	LOCK_SCOPE(&o->lock);
	while (o->config == CONFIG_PENDING)
		cond_wait(&o->changed, &o->lock);
	if (o->config == CONFIG_FAILED) {
		*e = o->config_failure;
		return -1;
	}
	*out = o->image->diff_ids[t->i];
	return 0;
}

/* ---- the layers ---- */

static void
tell_progress(void *ctx, uint64_t done)
{
	struct layer_task *t = ctx;
	struct image_watcher *w = t->opening->options->watcher;
	const struct descriptor *d = &t->opening->image->manifest.layers[t->i];

	if (w != NULL)
		w->on_progress(w, IMAGE_LAYERS, &d->digest, done, d->size);
}

static struct layer *
obtain_layer(struct layer_task *t, struct err *e)
{
	struct opening *o = t->opening;
	const struct catalog_parts *p = catalog_parts(o->image->catalog);
	struct layer_making m = {
		.store = p->store,
		.fetcher = p->fetcher,
		.descriptor = &o->image->manifest.layers[t->i],
		.sources = &o->options->source,
		.n_sources = 1,
		.table = companions_table(o->options->companions, t->i),
		.table_reason = companions_reason(o->options->companions),
		.whole_max_bytes = o->options->whole_max_bytes,
		.diff_id = wait_diff_id,
		.patience_ms = p->patience_ms,
		.on_progress = tell_progress,
		.ctx = t,
	};

	return catalog_take_layer(o->image->catalog, &m, e);
}

/* With the lock held. */
static void
note_failure(struct opening *o, size_t k, const struct err *failure)
{
	if (o->options->is_partial)
		o->image->reasons[k] = strdup(failure->msg);
	if (o->image->reasons[k] == NULL && o->failure.code == 0)
		o->failure = *failure;
}

static void
run_layer(struct task *task)
{
	struct layer_task *t = container_of(task, struct layer_task, task);
	struct opening *o = t->opening;
	struct err e = ERR_INIT;
	struct layer *l = obtain_layer(t, &e);

	if (l != NULL)
		tell_progress(t, l->blob_size);
	if (l != NULL && o->image->ahead != NULL)
		ahead_meet(o->image->ahead, t->i, l->blob);
	LOCK_SCOPE(&o->lock);
	o->image->layers[t->i] = l;
	if (l == NULL)
		note_failure(o, t->i, &e);
	end_task(o);
}

static void
submit_missing(struct opening *o, struct layer_task *tasks)
{
	struct image *i = o->image;
	struct pool *makers = catalog_parts(i->catalog)->makers;

	/* Counted before the first can end. */
	o->pending = i->diff_ids == NULL;
	for (size_t k = 0; k < i->manifest.n_layers; k++)
		o->pending += i->layers[k] == NULL;
	/* The config goes first: makers that wait for it never fill the pool
	 * before it runs. */
	o->config = i->diff_ids == NULL ? CONFIG_PENDING : CONFIG_KNOWN;
	o->config_task.run = run_config;
	if (o->config == CONFIG_PENDING)
		pool_submit(makers, &o->config_task, 0);
	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		tasks[k] = (struct layer_task){
			.task.run = run_layer, .opening = o, .i = k
		};
		if (i->layers[k] == NULL)
			pool_submit(makers, &tasks[k].task, 1);
	}
}

static int
wait_all(struct opening *o, struct err *e)
{
	LOCK_SCOPE(&o->lock);
	while (o->pending > 0)
		cond_wait(&o->changed, &o->lock);
	if (o->failure.code != 0) {
		*e = o->failure;
		return -1;
	}
	if (o->config == CONFIG_FAILED)
		log_info("%s", o->config_failure.msg);
	return 0;
}

static int
make_missing(
    struct image *i, const struct image_opening *options, struct err *e)
{
	struct opening o = { .image = i, .options = options };
	AUTO_FREE struct layer_task *tasks =
	    calloc(i->manifest.n_layers + 1, sizeof *tasks);
	int rc;

	if (tasks == NULL)
		return err_set(e, ENOMEM, "image %s", i->label);
	companions_meet(options->companions, i);
	if (options->is_start)
		i->ahead =
		    image_fetch_ahead(i, options->companions, options->source);
	lock_init(&o.lock, RANK_LEAF);
	cond_init(&o.changed);
	submit_missing(&o, tasks);
	rc = wait_all(&o, e);
	cond_destroy(&o.changed);
	lock_destroy(&o.lock);
	return rc;
}

/* ---- what is here ---- */

/* One whose table lied is made again, where it can be. */
static struct layer *
find_layer(struct catalog *c, const struct digest *d, bool has_source)
{
	struct layer *l = catalog_find_layer(c, d);

	if (l == NULL || !has_source || !layer_is_distrusted(l))
		return l;
	catalog_put_layer(c, l);
	return NULL;
}

/* The common case, without a thread or a wait. */
static bool
find_all_layers(struct image *i, bool has_source)
{
	bool all = true;

	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		i->layers[k] = find_layer(
		    i->catalog, &i->manifest.layers[k].digest, has_source);
		all = all && i->layers[k] != NULL;
	}
	return all;
}

/* Layers that are here already may be of another place; or the process died
 * before it had noted theirs.  Of the same place the credentials may be newer.
 */
static void
give_source(struct image *i, struct source *s)
{
	struct err ignored = ERR_INIT;

	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		struct layer *l = i->layers[k];

		if (l == NULL)
			continue;
		if (blob_has_source(l->blob, source_name(s)))
			blob_add_source(l->blob, s, &ignored);
		else
			sources_remember(catalog_parts(i->catalog), l, s);
	}
}

static int
leave_out_missing(struct image *i, bool is_partial, struct err *e)
{
	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		if (i->layers[k] != NULL)
			continue;
		if (!is_partial)
			return err_set(e, ENOENT, "layer %s of %s is not here",
			    DIGEST_TEXT(&i->manifest.layers[k].digest),
			    i->label);
		i->reasons[k] = strdup("it was not opened here");
		if (i->reasons[k] == NULL)
			return err_set(e, ENOMEM, "image %s", i->label);
	}
	return 0;
}

/* What its name means until the opening is noted. */
static int
find_before(const struct image *i, struct digest *out, struct err *e)
{
	int64_t resolved_s;

	return catalog_find_image(i->catalog, i->label, out, &resolved_s, e);
}

struct image *
image_open(struct catalog *c, struct manifest *take,
    const struct image_opening *o, struct err *e)
{
	struct image *i = image_new(c, o->label, take, e);
	struct err unknown = ERR_INIT;
	bool has_layers, has_config;
	int rc = 0;

	if (i == NULL)
		return NULL;
	if (!o->is_start || find_before(i, &i->before, &unknown) < 0)
		i->before = i->manifest.digest;
	has_layers = find_all_layers(i, o->source != NULL);
	has_config = find_config(i, &unknown) == 0;
	if (o->source != NULL)
		give_source(i, o->source);
	if (o->source == NULL)
		rc = leave_out_missing(i, o->is_partial, e);
	else if (!has_layers || !has_config)
		rc = make_missing(i, o, e);
	if (rc < 0) {
		image_unref(i);
		return NULL;
	}
	return i;
}
