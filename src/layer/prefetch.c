/* What a start is about to read: as its profile says, else as the image itself
 * hints. */
#include <errno.h>
#include <stdlib.h>

#include "layer/companions.h"
#include "layer/families.h"
#include "layer/first_files.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "layer/places.h"
#include "layer/profile.h"
#include "layer/profiles.h"
#include "layer/recordings.h"
#include "fetch/ahead.h"
#include "fetch/fetch.h"
#include "fetch/kin.h"
#include "fetch/ordered.h"
#include "index/index.h"
#include "store/map.h"
#include "base/err.h"
#include "base/log.h"
#include "base/pool.h"

struct prefetch {
	struct task task;
	struct image *image; /* keeps the layers */
	struct ahead *ahead; /* its part till here; or NULL */
	struct ordered ordered;
	struct ordered_range *ranges;
};

static void
prefetch_free(struct prefetch *p)
{
	image_unref(p->image);
	free(p->ranges);
	free(p);
}

/* ---- as its profile says ---- */

static void
on_done(struct ordered *o, const struct err *failure)
{
	struct prefetch *p = container_of(o, struct prefetch, ordered);

	if (failure != NULL)
		log_info("%s: prefetch: %s", p->image->label, failure->msg);
	prefetch_free(p);
}

static int
set_ranges(struct prefetch *p, const struct places *places, struct err *e)
{
	p->ranges = calloc(places->n + 1, sizeof *p->ranges);
	if (p->ranges == NULL)
		return err_set(e, ENOMEM, "prefetch of %s", p->image->label);
	for (size_t n = 0; n < places->n; n++)
		p->ranges[n] = (struct ordered_range){
			p->image->layers[places->at[n].layer]->blob,
			places->at[n].first_chunk,
			places->at[n].last_chunk,
		};
	p->ordered = (struct ordered){
		.ranges = p->ranges, .n = places->n, .on_done = on_done
	};
	return 0;
}

/* Its own, or that of the image that its name meant before: most of what that
 * one read will be read again, where it lies under the same paths. */
static struct profile *
find_profile(const struct image *i, struct err *e)
{
	struct store *s = catalog_parts(i->catalog)->store;
	struct profile *p = profiles_load(s, &i->manifest.digest, e);

	if (p != NULL || e->code != ENOENT ||
	    digest_equal(&i->before, &i->manifest.digest))
		return p;
	p = profiles_load(s, &i->before, e);
	if (p != NULL)
		log_info("%s: starts by the profile of %s", i->label,
		    DIGEST_TEXT(&i->before));
	return p;
}

int
image_find_start(const struct image *i, struct places *out, struct err *e)
{
	AUTO_PROFILE struct profile *p = find_profile(i, e);

	*out = (struct places){ 0 };
	return p == NULL ? -1 : places_of_profile(i, p, out, e);
}

/* ENOENT: no profile is known. */
static int
find_ranges(struct prefetch *p, struct err *e)
{
	struct places places;
	int rc = image_find_start(p->image, &places, e);

	if (rc == 0)
		rc = set_ranges(p, &places, e);
	places_release(&places);
	return rc;
}

/* ---- before the layers are known ---- */

/* Those of another image are here, as a rule; and what is read whole brings all
 * by itself. */
static bool
is_made_of_table(const struct image *i, const struct companions *c, size_t k)
{
	struct err whole = ERR_INIT;

	return i->layers[k] == NULL &&
	       layer_foresee(&i->manifest.layers[k], companions_table(c, k),
		   &whole) != NULL;
}

/* Of layers that are to be made. */
static size_t
list_ranges(const struct image *i, const struct companions *c,
    const struct profile *p, struct ahead_range *out)
{
	size_t n = 0;

	for (size_t k = 0; k < p->n_ranges; k++) {
		const struct profile_range *r = &p->ranges[k];
		const struct descriptor *d = &i->manifest.layers[r->layer];

		if (r->blob_off > d->size || r->len > d->size - r->blob_off ||
		    !is_made_of_table(i, c, r->layer))
			continue;
		out[n++] = (struct ahead_range){ d->digest, d->size,
			r->blob_off, r->len, r->layer };
	}
	return n;
}

struct ahead *
image_fetch_ahead(
    const struct image *i, const struct companions *c, struct source *s)
{
	const struct catalog_parts *parts = catalog_parts(i->catalog);
	struct err none = ERR_INIT;
	AUTO_PROFILE struct profile *p =
	    profiles_load(parts->store, &i->manifest.digest, &none);
	AUTO_FREE struct ahead_range *ranges = NULL;
	size_t n = 0;

	if (p == NULL || profile_check_image(p, &i->manifest, &none) < 0)
		return NULL;
	ranges = calloc(p->n_ranges + 1, sizeof *ranges);
	if (ranges != NULL)
		n = list_ranges(i, c, p, ranges);
	return n == 0 ? NULL
		      : ahead_new(parts->fetcher, s, take_ptr(&ranges), n);
}

/* ---- as the image hints ---- */

static void
fetch_hints(struct image *i)
{
	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		const struct layer *l = i->layers[k];
		uint64_t end = l == NULL ? 0 : map_prefetch_end(l->map);

		if (end > 0)
			image_fill_start(i, k, end);
	}
}

/* ---- as its folders say ---- */

/* Of layers that may be guessed at; without, less is guessed. */
static void
tell_families(struct image *i)
{
	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		const struct layer *l = i->layers[k];
		struct err e = ERR_INIT;
		AUTO_INDEX struct index *x = NULL;
		struct kin *kin;

		if (l == NULL || !blob_may_guess(l->blob) ||
		    (x = layer_open_index(l, &e)) == NULL)
			continue;
		kin = families_find(x, l->map, &e);
		if (kin != NULL)
			blob_set_kin(l->blob, kin);
	}
}

/* What is known need not be guessed. */
static void
stop_guessing(struct image *i)
{
	for (size_t k = 0; k < i->manifest.n_layers; k++)
		if (i->layers[k] != NULL)
			blob_stop_guessing(i->layers[k]->blob);
}

static void
end_ahead(struct prefetch *p)
{
	if (p->ahead != NULL)
		ahead_end(take_ptr(&p->ahead));
}

/* Till the rest is asked for, the link has what is read ahead to bring. */
static void
run_prefetch(struct task *t)
{
	struct prefetch *p = container_of(t, struct prefetch, task);
	struct image *i = p->image;
	struct err e = ERR_INIT;
	int rc = find_ranges(p, &e);

	end_ahead(p);
	if (rc == 0) {
		stop_guessing(i);
		fetch_ordered(catalog_parts(i->catalog)->fetcher, &p->ordered);
		return;
	}
	if (e.code != ENOENT)
		log_warn("%s: %s", i->label, e.msg);
	first_files_fetch(i);
	fetch_hints(i);
	tell_families(i);
	prefetch_free(p);
}

void
image_start(struct image *i)
{
	struct prefetch *p = calloc(1, sizeof *p);

	recordings_start(catalog_recordings(i->catalog), &i->manifest.digest);
	if (p == NULL)
		return;
	p->task.run = run_prefetch;
	p->image = image_ref(i);
	p->ahead = take_ptr(&i->ahead);
	pool_submit(catalog_parts(i->catalog)->makers, &p->task, 0);
}
