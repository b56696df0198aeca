/* Fetching whole parts of an image, whoever reads: the start of a layer,
 * everything, or everything slowly. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "layer/image.h"
#include "layer/layer.h"
#include "fetch/fetch.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/lock.h"
#include "base/log.h"

/* ---- in the background ---- */

struct background {
	struct fill fill;
	struct image *image; /* keeps the layer */
};

static void
end_background(struct fill *f, const struct err *failure)
{
	struct background *b = container_of(f, struct background, fill);

	if (failure != NULL)
		log_info("%s: prefetch: %s", b->image->label, failure->msg);
	image_unref(b->image);
	free(b);
}

static void
start_background(struct image *i, const struct layer *l, uint64_t blob_end,
    enum source_priority priority)
{
	struct background *b = calloc(1, sizeof *b);

	if (b == NULL)
		return;
	b->image = image_ref(i);
	b->fill.blob_end = blob_end;
	b->fill.priority = priority;
	b->fill.on_done = end_background;
	blob_fill(l->blob, &b->fill);
}

void
image_fill_start(struct image *i, size_t layer, uint64_t blob_end)
{
	start_background(i, i->layers[layer], blob_end, SOURCE_SOON);
}

static void
fill_up_to(struct image *i, uint64_t max_bytes, enum source_priority priority)
{
	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		const struct layer *l = i->layers[k];

		if (l != NULL && l->blob_size <= max_bytes)
			start_background(i, l, l->blob_size, priority);
	}
}

void
image_fill_small(struct image *i, uint64_t max_bytes)
{
	fill_up_to(i, max_bytes, SOURCE_SOON);
}

void
image_fill_idle(struct image *i)
{
	fill_up_to(i, UINT64_MAX, SOURCE_IDLE);
}

/* ---- while somebody waits ---- */

struct filling {
	struct lock lock; /* guards what follows */
	struct cond changed;
	size_t pending;
	struct err failure; /* the first */
};

struct layer_fill {
	struct fill fill;
	const struct layer *layer;
	struct filling *filling;
};

enum { PROGRESS_INTERVAL_MS = 100 };

static void
end_layer_fill(struct fill *f, const struct err *failure)
{
	struct filling *all = container_of(f, struct layer_fill, fill)->filling;

	LOCK_SCOPE(&all->lock);
	if (failure != NULL && all->failure.code == 0)
		all->failure = *failure;
	all->pending--;
	cond_broadcast(&all->changed);
}

static void
tell(struct image_watcher *w, const struct layer_fill *fills, size_t n)
{
	if (w == NULL)
		return;
	for (size_t k = 0; k < n; k++)
		w->on_progress(w, IMAGE_FETCH, &fills[k].layer->digest,
		    atomic_load(&fills[k].fill.done_bytes),
		    fills[k].layer->blob_size);
}

/* True when all have ended. */
static bool
wait_a_little(struct filling *all)
{
	uint64_t until = clock_now_ns() + PROGRESS_INTERVAL_MS * NS_PER_MS;

	LOCK_SCOPE(&all->lock);
	while (all->pending > 0)
		if (!cond_wait_until(&all->changed, &all->lock, until))
			return false;
	return true;
}

static size_t
start_fills(
    const struct image *i, struct filling *all, struct layer_fill *fills)
{
	size_t n = 0;

	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		const struct layer *l = i->layers[k];

		if (l == NULL)
			continue;
		fills[n].filling = all;
		fills[n].layer = l;
		fills[n].fill.blob_end = l->blob_size;
		fills[n].fill.priority = SOURCE_SOON;
		fills[n].fill.on_done = end_layer_fill;
		n++;
	}
	/* Counted before the first can end. */
	all->pending = n;
	for (size_t k = 0; k < n; k++)
		blob_fill(fills[k].layer->blob, &fills[k].fill);
	return n;
}

static void
run_fills(const struct image *i, struct filling *all, struct layer_fill *fills,
    struct image_watcher *w, const _Atomic bool *is_cancelled)
{
	size_t n = start_fills(i, all, fills);

	while (!wait_a_little(all)) {
		tell(w, fills, n);
		if (is_cancelled != NULL && atomic_load(is_cancelled))
			for (size_t k = 0; k < n; k++)
				atomic_store(&fills[k].fill.is_cancelled, true);
	}
	tell(w, fills, n);
}

int
image_fill(struct image *i, struct image_watcher *w,
    const _Atomic bool *is_cancelled, uint64_t *bytes, struct err *e)
{
	struct filling all = { 0 };
	AUTO_FREE struct layer_fill *fills =
	    calloc(i->manifest.n_layers + 1, sizeof *fills);

	if (fills == NULL)
		return err_set(e, ENOMEM, "filling %s", i->label);
	lock_init(&all.lock, RANK_LEAF);
	cond_init(&all.changed);
	run_fills(i, &all, fills, w, is_cancelled);
	*bytes = 0;
	for (size_t k = 0; k < i->manifest.n_layers; k++)
		*bytes += atomic_load(&fills[k].fill.done_bytes);
	cond_destroy(&all.changed);
	lock_destroy(&all.lock);
	if (all.failure.code != 0) {
		*e = all.failure;
		return err_wrap(e, "%s", i->label);
	}
	return 0;
}
