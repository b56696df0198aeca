#include "layer/image.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/files.h"
#include "layer/layer.h"
#include "layer/linked.h"
#include "layer/merged.h"
#include "layer/recordings.h"
#include "layer/view.h"
#include "fetch/ahead.h"
#include "fetch/fetch.h"
#include "index/index.h"
#include "store/map.h"
#include "store/store.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

struct image *
image_ref(struct image *i)
{
	atomic_fetch_add(&i->refs, 1);
	return i;
}

static void
image_free(struct image *i)
{
	free(i->layers);
	free(i->reasons);
	free(i->diff_ids);
	manifest_release(&i->manifest);
	free(i->label);
	free(i);
}

void
image_unref(struct image *i)
{
	if (i == NULL || atomic_fetch_sub(&i->refs, 1) > 1)
		return;
	if (i->ahead != NULL)
		ahead_end(i->ahead);
	for (size_t n = 0; n < i->manifest.n_layers; n++) {
		if (i->layers[n] != NULL)
			catalog_put_layer(i->catalog, i->layers[n]);
		free(i->reasons[n]);
	}
	catalog_drop_open(i->catalog, i);
	image_free(i);
}

static struct store *
image_store(const struct image *i)
{
	return catalog_parts(i->catalog)->store;
}

/* ---- making ---- */

struct image *
image_new(
    struct catalog *c, const char *label, struct manifest *take, struct err *e)
{
	struct image *i = calloc(1, sizeof *i);
	size_t n = take->n_layers + 1;

	if (i != NULL) {
		i->label = strdup(label);
		i->layers = calloc(n, sizeof(struct layer *));
		i->reasons = calloc(n, sizeof(char *));
	}
	if (i == NULL || i->label == NULL || i->layers == NULL ||
	    i->reasons == NULL) {
		if (i != NULL)
			image_free(i);
		err_set(e, ENOMEM, "image %s", label);
		return NULL;
	}
	i->refs = 1;
	i->catalog = c;
	i->manifest = *take;
	*take = (struct manifest){ 0 };
	catalog_add_open(c, i);
	return i;
}

/* ---- looking ---- */

int
image_find_layer(
    const struct image *i, const char *which, int *layer, struct err *e)
{
	size_t n = i->manifest.n_layers;
	struct digest d;
	char *end;
	long number;

	if (digest_parse(&d, which, &(struct err){ 0 }) == 0) {
		for (size_t k = 0; k < n; k++) {
			if (digest_equal(&d, &i->manifest.layers[k].digest)) {
				*layer = k;
				return 0;
			}
		}
		return err_set(
		    e, ENOENT, "%s has no layer %s", i->label, which);
	}
	errno = 0;
	number = strtol(which, &end, 10);
	if (errno != 0 || end == which || *end != 0)
		return err_set(e, EINVAL,
		    "layer \"%.80s\" is neither a number nor a digest", which);
	if (number < 0 || (size_t)number >= n)
		return err_set(e, ENOENT,
		    "%s has no layer %ld: it has 0 to %zu, 0 being the bottom",
		    i->label, number, n - 1);
	*layer = number;
	return 0;
}

static int
check_layer(const struct image *i, int64_t k, struct err *e)
{
	bool is_of_it = k >= 0 && (uint64_t)k < i->manifest.n_layers;

	if (image_has_layer(i, k))
		return 0;
	return err_set(e, ENOENT, "layer %jd of %s is not here: %s",
	    (intmax_t)k, i->label, is_of_it ? i->reasons[k] : "there is none");
}

int
image_check_whole(const struct image *i, struct err *e)
{
	for (size_t k = 0; k < i->manifest.n_layers; k++)
		if (check_layer(i, k, e) < 0)
			return -1;
	return 0;
}

bool
image_is_distrusted(const struct image *i, int layer)
{
	size_t first = layer == IMAGE_MERGED ? 0 : layer;
	size_t end = layer == IMAGE_MERGED ? i->manifest.n_layers : first + 1;

	for (size_t k = first; k < end && k < i->manifest.n_layers; k++)
		if (i->layers[k] != NULL && layer_is_distrusted(i->layers[k]))
			return true;
	return false;
}

/* What a view keeps. */
struct viewing {
	struct image *image;
	struct recording *recording; /* or NULL */
	struct linked linked;
};

static void
on_read(void *ctx, struct view *v, uint64_t data_off, const void *p, size_t len)
{
	struct viewing *w = ctx;

	linked_note(&w->linked, v, data_off, p, len);
}

static struct viewing *
begin_viewing(struct image *i, struct err *e)
{
	struct viewing *w = calloc(1, sizeof *w);

	if (w == NULL) {
		err_set(e, ENOMEM, "%s", i->label);
		return NULL;
	}
	w->image = image_ref(i);
	w->recording = recordings_join(catalog_recordings(i->catalog), i);
	return w;
}

static void
end_viewing(void *ctx)
{
	struct viewing *w = ctx;

	if (w->recording != NULL)
		recordings_leave(
		    catalog_recordings(w->image->catalog), w->image);
	image_unref(w->image);
	free(w);
}

static struct index *
open_index(const struct image *i, int layer, struct err *e)
{
	if (layer == IMAGE_MERGED)
		return image_check_whole(i, e) < 0 ? NULL : merged_open(i, e);
	return check_layer(i, layer, e) < 0
		   ? NULL
		   : layer_open_index(i->layers[layer], e);
}

struct view *
image_view(struct image *i, int layer, struct err *e)
{
	size_t first = layer == IMAGE_MERGED ? 0 : layer;
	size_t n = layer == IMAGE_MERGED ? i->manifest.n_layers : 1;
	struct blob *blobs[LIMIT_LAYERS];
	const struct map *maps[LIMIT_LAYERS];
	AUTO_INDEX struct index *x = open_index(i, layer, e);
	struct viewing *w;
	struct view *v;

	if (x == NULL || (w = begin_viewing(i, e)) == NULL)
		return NULL;
	assert(n <= LIMIT_LAYERS);
	for (size_t k = 0; k < n; k++) {
		blobs[k] = i->layers[first + k]->blob;
		maps[k] = i->layers[first + k]->map;
	}
	v = view_new(
	    image_store(i), x, blobs, maps, n, i->label, end_viewing, w, e);
	if (v == NULL) {
		end_viewing(w);
		return NULL;
	}
	x = NULL;
	view_record(v, w->recording);
	view_watch(v, on_read);
	return v;
}

void
image_note_shown(struct image *i, bool is_shown)
{
	recordings_note_shown(
	    catalog_recordings(i->catalog), &i->manifest.digest, is_shown);
}

struct doc *
image_read_config(const struct image *i, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_BYTES);

	if (files_read_blob(
		image_store(i), &i->manifest.config.digest, &text, e) < 0) {
		err_wrap(e, "config of %s", i->label);
		return NULL;
	}
	return doc_parse_json(text.data, text.len, e);
}

int
image_diff_id(
    const struct image *i, int layer, struct digest *out, struct err *e)
{
	if (i->diff_ids == NULL)
		return err_set(
		    e, ENOENT, "the config of %s is not here", i->label);
	*out = i->diff_ids[layer];
	return 0;
}

int
image_chain_id(
    const struct image *i, int layer, struct digest *out, struct err *e)
{
	char text[2 * DIGEST_TEXT_SIZE];

	if (image_diff_id(i, 0, out, e) < 0)
		return -1;
	for (int k = 1; k <= layer; k++) {
		snprintf(text, sizeof text, "%s %s", DIGEST_TEXT(out),
		    DIGEST_TEXT(&i->diff_ids[k]));
		digest_of(out, text, strlen(text));
	}
	return 0;
}

void
image_sizes(const struct image *i, struct image_sizes *out)
{
	*out = (struct image_sizes){ 0 };
	for (size_t k = 0; k < i->manifest.n_layers; k++) {
		const struct layer *l = i->layers[k];

		if (l == NULL)
			continue;
		out->size += l->size;
		out->present += store_map_present(image_store(i), l->map);
	}
}
