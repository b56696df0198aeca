#include "convert/convert.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "convert/destination.h"
#include "convert/earlier.h"
#include "convert/layer_job.h"
#include "convert/origin.h"
#include "convert/plan.h"
#include "convert/press.h"
#include "convert/report.h"
#include "registry/reference.h"
#include "base/bytes.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/lock.h"
#include "base/pool.h"

struct work {
	const struct conversion *conversion;
	struct origin origin;
	struct plan plan;
	struct destination *to; /* NULL: there is none yet */
	struct earlier earlier;
	bool is_first; /* layer_job.h */
	struct press *press;
	_Atomic bool is_cancelled;

	struct lock lock;
	struct err failure; /* guarded by lock: the first */
};

struct layer_task {
	struct task task;
	struct work *work;
	struct plan_layer *layer;
};

/* ---- all layers ---- */

static void
note_failure(struct work *w, const struct err *e)
{
	LOCK_SCOPE(&w->lock);

	if (w->failure.code == 0)
		w->failure = *e;
	w->is_cancelled = true;
}

static struct layer_job
job_of(struct work *w)
{
	return (struct layer_job){
		.conversion = w->conversion,
		.source = w->origin.of.source,
		.to = w->to,
		.earlier = &w->earlier,
		.press = w->press,
		.is_first = w->is_first,
		.is_cancelled = &w->is_cancelled,
	};
}

static void
run_layer(struct task *t)
{
	struct layer_task *x = container_of(t, struct layer_task, task);
	const struct layer_job j = job_of(x->work);
	struct err e = ERR_INIT;

	if (!x->work->is_cancelled && layer_job_run(&j, x->layer, &e) < 0)
		note_failure(x->work, &e);
}

/* Bottom first: what most images share is there when another conversion looks
 * for it. */
static int
run_layers(struct work *w, struct err *e)
{
	size_t n = w->plan.n_layers;
	AUTO_FREE struct layer_task *tasks = calloc(n + 1, sizeof *tasks);
	struct pool *pool = pool_new("convert", LAYERS_AT_ONCE, e);

	if (pool == NULL || tasks == NULL) {
		pool_free(pool);
		return pool == NULL ? -1 : err_set(e, ENOMEM, "layers");
	}
	for (size_t i = 0; i < n; i++) {
		tasks[i] = (struct layer_task){ .task.run = run_layer,
			.work = w,
			.layer = &w->plan.layers[i] };
		pool_submit(pool, &tasks[i].task, 0);
	}
	pool_free(pool);
	if (w->failure.code == 0)
		return 0;
	*e = w->failure;
	return -1;
}

/* ---- what is there ---- */

/* A conversion that did not come to its end leaves a config, too. */
static bool
has_configs(struct work *w)
{
	struct err ignored;
	bool found;

	for (size_t i = 0; i < w->plan.n_images; i++) {
		const struct descriptor *d = &w->plan.images[i].config;

		if (w->to->ops->find_blob(
			w->to, &d->digest, d->size, &found, &ignored) < 0 ||
		    found)
			return true;
	}
	return false;
}

static bool
is_first(struct work *w)
{
	struct err ignored;
	bool found;

	return w->to->ops->find_names != NULL &&
	       w->to->ops->find_names(w->to, &found, &ignored) == 0 && !found &&
	       !has_configs(w);
}

/* ---- manifests ---- */

/* Before hours of work: that something may be put there at all. */
static int
put_configs(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->plan.n_images; i++) {
		const struct buf *c = &w->plan.images[i].config_text;

		if (w->to->ops->put_bytes(w->to, c->data, c->len, e) < 0)
			return -1;
	}
	return 0;
}

static int
put_text(struct work *w, const char *text, const char *media_type,
    bool is_named, struct digest *d, struct err *e)
{
	const struct manifest_text m = {
		.media_type = media_type,
		.bytes = text,
		.len = strlen(text),
		.is_named = is_named,
	};

	digest_of(d, m.bytes, m.len);
	return w->to->ops->put_manifest(w->to, &m, e);
}

static int
put_image(struct work *w, struct plan_image *m, struct doc *report,
    struct digest *d, struct err *e)
{
	AUTO_FREE char *text = plan_manifest(&w->plan, m);

	if (put_text(w, text, OCI_MANIFEST, w->plan.index == NULL, d, e) < 0)
		return -1;
	doc_set_string(report, "digest", DIGEST_TEXT(d));
	if (w->plan.index != NULL)
		plan_set_entry(&w->plan, m, d, strlen(text));
	return 0;
}

static int
put_index(struct work *w, struct digest *d, struct err *e)
{
	AUTO_FREE char *text = plan_index(&w->plan);

	return put_text(w, text, OCI_INDEX, true, d, e);
}

/* Where layers became other tars. */
static int
put_new_configs(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->plan.n_images; i++)
		if (plan_update_config(&w->plan, &w->plan.images[i], e) < 0)
			return -1;
	return put_configs(w, e);
}

static int
put_manifests(struct work *w, struct doc *report, struct err *e)
{
	struct doc *images = doc_find(report, "images");
	struct digest d;

	if (w->conversion->profile != NULL && put_new_configs(w, e) < 0)
		return -1;

	for (size_t i = 0; i < w->plan.n_images; i++)
		if (put_image(w, &w->plan.images[i], doc_at(images, i), &d, e) <
		    0)
			return -1;
	if (w->plan.index != NULL && put_index(w, &d, e) < 0)
		return -1;
	doc_set_string(report, "digest", DIGEST_TEXT(&d));
	doc_set_string(report, "media_type",
	    w->plan.index != NULL ? OCI_INDEX : OCI_MANIFEST);
	return 0;
}

/* ---- life ---- */

static void
release(struct work *w)
{
	press_free(w->press);
	earlier_release(&w->earlier);
	destination_free(w->to);
	plan_release(&w->plan);
	origin_close(&w->origin);
	lock_destroy(&w->lock);
}

static int
init(struct work *w, const struct conversion *c, bool make, struct err *e)
{
	*w = (struct work){ .conversion = c, .origin.layout = -1 };
	lock_init(&w->lock, RANK_LEAF);
	if (destination_check(c->to, e) < 0)
		return -1;
	if (origin_open(&w->origin, c, e) < 0 ||
	    plan_read(&w->plan, &w->origin.of, e) < 0)
		return err_wrap(e, "%s", c->from->name);
	if (c->profile != NULL && wish_all(&w->plan, c->profile, e) < 0)
		return err_wrap(e, "%s", c->from->name);
	w->press = press_new(c->level, c->jobs, e);
	if (w->press == NULL)
		return -1;
	w->to = destination_new(c->to, c->registry, make, e);
	if (w->to == NULL)
		return make || e->code != ENOENT ? -1 : 0;
	if (!c->is_forced)
		earlier_read(&w->earlier, w->to);
	return 0;
}

static struct doc *
run(struct work *w, struct err *e)
{
	struct doc *report;

	w->is_first = is_first(w);
	if (put_configs(w, e) < 0)
		return NULL;
	if (run_layers(w, e) < 0) {
		err_wrap(e, "%s", w->conversion->from->name);
		return NULL;
	}
	report = report_new(&w->plan, w->conversion->to);
	if (put_manifests(w, report, e) == 0)
		return report;
	doc_unref(report);
	return NULL;
}

struct doc *
convert_image(const struct conversion *c, struct err *e)
{
	struct work w;
	struct doc *report = init(&w, c, true, e) < 0 ? NULL : run(&w, e);

	release(&w);
	return report;
}

/* ---- an estimate ---- */

static struct doc *
estimate(struct work *w, struct err *e)
{
	const struct layer_job j = job_of(w);
	uint64_t total_ms = 0, ms;
	struct doc *report;

	for (size_t i = 0; i < w->plan.n_layers; i++) {
		if (layer_job_estimate(&j, &w->plan.layers[i], &ms, e) < 0) {
			err_wrap(e, "%s: layer %s", w->conversion->from->name,
			    DIGEST_TEXT(&w->plan.layers[i].from.digest));
			return NULL;
		}
		total_ms += ms;
	}
	report = report_new(&w->plan, w->conversion->to);
	doc_set_int(report, "ms", total_ms);
	return report;
}

struct doc *
convert_estimate(const struct conversion *c, struct err *e)
{
	struct work w;
	struct doc *report = init(&w, c, false, e) < 0 ? NULL : estimate(&w, e);

	release(&w);
	return report;
}
