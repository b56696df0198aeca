#include "layer/evict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer/catalog.h"
#include "layer/layer.h"
#include "layer/look.h"
#include "fetch/fetch.h"
#include "store/db_keep.h"
#include "store/evict.h"
#include "base/err.h"
#include "base/metrics.h"

/* A layer, and what decides when it goes. */
struct candidate {
	struct layer *layer;
	bool is_pinned, is_held;
	int64_t last_used_s; /* 0: no image names it */
};

struct candidates {
	struct candidate *at;
	size_t n;
};

static int
compare_digests(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return memcmp(
	    &x->layer->digest, &y->layer->digest, sizeof x->layer->digest);
}

static int
compare_use(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->last_used_s != y->last_used_s)
		return x->last_used_s < y->last_used_s ? -1 : 1;
	return compare_digests(a, b);
}

/* ---- who keeps what ---- */

static int
note_keep(void *ctx, const struct db_layer_keep *k)
{
	struct candidates *all = ctx;
	struct layer wanted = { .digest = k->layer };
	struct candidate key = { .layer = &wanted }, *found;

	if (all->n == 0)
		return 0;
	found =
	    bsearch(&key, all->at, all->n, sizeof *all->at, compare_digests);
	if (found == NULL)
		return 0;
	found->is_pinned = k->is_pinned;
	found->is_held = found->is_held || k->is_held;
	found->last_used_s = k->last_used_s;
	return 0;
}

static int
list_candidates(struct catalog *c, struct candidates *all, struct err *e)
{
	AUTO_FREE struct looked_at *layers = NULL;
	size_t n;

	if (look_list(c, &layers, &n, e) < 0)
		return -1;
	all->at = calloc(n + 1, sizeof *all->at);
	if (all->at == NULL)
		return err_set(e, ENOMEM, "eviction");
	for (size_t i = 0; i < n; i++)
		all->at[i] = (struct candidate){ .layer = layers[i].layer,
			.is_held = layers[i].is_used };
	all->n = n;
	qsort(all->at, n, sizeof *all->at, compare_digests);
	if (db_each_layer_keep(catalog_parts(c)->db, note_keep, all, e) != 0)
		return -1;
	qsort(all->at, n, sizeof *all->at, compare_use);
	return 0;
}

static enum evict_class
class_of(const struct candidate *c)
{
	if (c->is_pinned || !blob_is_reachable(c->layer->blob))
		return EVICT_NEVER;
	if (!c->is_held)
		return EVICT_IDLE;
	return store_map_is_whole(c->layer->map) ? EVICT_WHOLE : EVICT_LIVE;
}

/* ---- all of it ---- */

struct start_spans {
	struct evict_span *spans;
	size_t n;
};

static int
evict(struct catalog *c, const struct candidates *all,
    const struct start_spans *starts, const struct evict_request *q,
    uint64_t *freed_bytes, struct err *e)
{
	AUTO_FREE struct evictable *maps = calloc(all->n + 1, sizeof *maps);
	struct eviction v = { .maps = maps,
		.n_maps = all->n,
		.start = starts->spans,
		.n_start = starts->n,
		.need_bytes = q->need_bytes,
		.is_full = q->is_full };
	int rc;

	if (maps == NULL)
		return err_set(e, ENOMEM, "eviction");
	for (size_t i = 0; i < all->n; i++)
		maps[i] = (struct evictable){ all->at[i].layer->map,
			class_of(&all->at[i]) };
	rc = store_evict(catalog_parts(c)->store, &v, e);
	*freed_bytes = v.freed_bytes;
	metric_add(METRIC_cache_evictions, v.freed_bytes > 0);
	metric_add(METRIC_cache_evicted_bytes, v.freed_bytes);
	return rc;
}

int
catalog_evict(struct catalog *c, const struct evict_request *q,
    uint64_t *freed_bytes, struct err *e)
{
	struct candidates all = { 0 };
	struct start_spans starts = { 0 };
	int rc;

	*freed_bytes = 0;
	if (q->start != NULL &&
	    q->start->list(q->start->ctx, &starts.spans, &starts.n) < 0)
		starts.n = 0;
	rc = look_begin(c, e);
	if (rc == 0) {
		rc = list_candidates(c, &all, e);
		if (rc == 0)
			rc = evict(c, &all, &starts, q, freed_bytes, e);
		look_end(c);
	}
	free(all.at);
	free(starts.spans);
	return rc;
}
