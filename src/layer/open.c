/* Opening an image: the config and every layer at once, each on a thread of the
 * makers' pool; the caller waits for all of them.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "layer/files.h"
#include "layer/image.h"
#include "layer/layer.h"
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
	struct source *source; /* NULL: no registry is asked */
	struct image_watcher *watcher;
	struct task config_task;

	struct lock lock; /* guards what follows */
	struct cond changed;
	size_t pending;     /* tasks that have not ended */
	struct err failure; /* the first */
	enum config_state config;
	struct err config_failure;
	struct image_config parsed;
};

struct layer_task {
	struct task task;
	struct opening *opening;
	size_t i;
};

/* ---- the config: only a layer that is read whole needs it to go on ---- */

static int
fetch_config(struct opening *o, struct buf *text, struct err *e)
{
	const struct descriptor *d = &o->image->manifest.config;
	struct store *s = catalog_parts(o->image->catalog)->store;

	if (files_read_blob(s, &d->digest, text, e) == 0)
		return 0;
	if (o->source == NULL)
		return -1;
	text->len = 0;
	if (source_read_verified(o->source, d, text, e) < 0)
		return -1;
	return files_save_blob(s, &d->digest, text->data, text->len, e);
}

static int
load_config(struct opening *o, struct image_config *out, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_BYTES);

	if (fetch_config(o, &text, e) < 0 ||
	    image_config_parse(out, text.data, text.len, e) < 0)
		return err_wrap(e, "config of %s", o->image->label);
	if (out->n_diff_ids != o->image->manifest.n_layers) {
		err_set(e, EBADMSG, "config of %s: %zu diff_ids for %zu layers",
		    o->image->label, out->n_diff_ids,
		    o->image->manifest.n_layers);
		image_config_release(out);
		return -1;
	}
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
	struct image_config parsed = { 0 };
	struct err e = ERR_INIT;
	int rc = load_config(o, &parsed, &e);

	LOCK_SCOPE(&o->lock);
	o->config = rc == 0 ? CONFIG_KNOWN : CONFIG_FAILED;
	o->parsed = parsed;
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
	*out = o->parsed.diff_ids[t->i];
	return 0;
}

/* ---- the layers ---- */

static void
tell_progress(void *ctx, uint64_t done)
{
	struct layer_task *t = ctx;
	struct image_watcher *w = t->opening->watcher;
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
		.sources = &o->source,
		.n_sources = o->source == NULL ? 0 : 1,
		.diff_id = wait_diff_id,
		.patience_ms = p->patience_ms,
		.on_progress = tell_progress,
		.ctx = t,
	};

	return catalog_take_layer(o->image->catalog, &m, e);
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
	LOCK_SCOPE(&o->lock);
	o->image->layers[t->i] = l;
	if (l == NULL && o->failure.code == 0)
		o->failure = e;
	end_task(o);
}

/* Everything is here already: the common case, without a thread or a wait. */
static bool
find_all_layers(struct image *i)
{
	bool all = true;

	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		i->layers[k] = catalog_find_layer(
		    i->catalog, &i->manifest.layers[k].digest);
		all = all && i->layers[k] != NULL;
	}
	return all;
}

static void
submit_missing(struct opening *o, struct layer_task *tasks)
{
	struct image *i = o->image;
	struct pool *makers = catalog_parts(i->catalog)->makers;

	/* Counted before the first can end. */
	o->pending = 1;
	for (size_t k = 0; k < i->manifest.n_layers; k++)
		o->pending += i->layers[k] == NULL;
	/* The config goes first: makers that wait for it never fill the pool
	 * before it runs. */
	o->config_task.run = run_config;
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
make_missing(struct opening *o, struct err *e)
{
	AUTO_FREE struct layer_task *tasks =
	    calloc(o->image->manifest.n_layers, sizeof *tasks);
	int rc;

	if (tasks == NULL)
		return err_set(e, ENOMEM, "image %s", o->image->label);
	lock_init(&o->lock, RANK_LEAF);
	cond_init(&o->changed);
	submit_missing(o, tasks);
	rc = wait_all(o, e);
	image_config_release(&o->parsed);
	cond_destroy(&o->changed);
	lock_destroy(&o->lock);
	return rc;
}

static int
missing_layer(const struct image *i, struct err *e)
{
	for (size_t k = 0; k < i->manifest.n_layers; k++)
		if (i->layers[k] == NULL)
			return err_set(e, ENOENT, "layer %s of %s is not here",
			    DIGEST_TEXT(&i->manifest.layers[k].digest),
			    i->label);
	return 0;
}

struct image *
image_open(struct catalog *c, struct manifest *take, const char *label,
    struct source *source, struct image_watcher *w, struct err *e)
{
	struct image *i = image_new(c, label, take->n_layers, e);
	struct opening o = { .image = i, .source = source, .watcher = w };
	int rc = 0;

	if (i == NULL)
		return NULL;
	i->manifest = *take;
	*take = (struct manifest){ 0 };
	if (!find_all_layers(i))
		rc = source == NULL ? missing_layer(i, e) : make_missing(&o, e);
	if (rc < 0) {
		image_unref(i);
		return NULL;
	}
	return i;
}
