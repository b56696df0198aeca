#include "layer/image.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/files.h"
#include "layer/layer.h"
#include "layer/recordings.h"
#include "layer/view.h"
#include "fetch/fetch.h"
#include "index/index.h"
#include "index/merge.h"
#include "index/tree.h"
#include "index/writer.h"
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

/* ---- the merged index ---- */

static void
close_indexes(struct index **x, size_t n)
{
	for (size_t k = 0; k < n; k++)
		index_close(x[k]);
	free(x);
}

static struct tree *
merge_layers(const struct image *i, struct err *e)
{
	size_t n = i->manifest.n_layers, opened = 0;
	struct index **x = calloc(n + 1, sizeof *x);
	struct tree *t = NULL;

	if (x == NULL) {
		err_set(e, ENOMEM, "merging %zu layers", n);
		return NULL;
	}
	for (; opened < n; opened++) {
		x[opened] = layer_open_index(i->layers[opened], e);
		if (x[opened] == NULL)
			goto out;
	}
	t = index_merge(x, n, e);
out:
	close_indexes(x, opened);
	return t;
}

/* Of the image and of the places of its files' contents: where a layer was made
 * again they lie elsewhere, and what merged it before would show other bytes.
 */
static void
merged_uuid(const struct image *i, uint8_t out[16])
{
	size_t n = i->manifest.n_layers;
	struct {
		struct digest manifest;
		uint64_t maps[LIMIT_LAYERS];
	} all = { .manifest = i->manifest.digest };
	struct digest d;

	assert(n <= LIMIT_LAYERS);
	for (size_t k = 0; k < n; k++)
		all.maps[k] = map_checksum(i->layers[k]->map);
	digest_of(&d, &all, sizeof all.manifest + n * sizeof *all.maps);
	memcpy(out, d.bytes, 16);
}

static int
build_index(const struct image *i, struct err *e)
{
	AUTO_DRAFT struct draft w = { .dir = -1 };
	AUTO_TREE struct tree *t = merge_layers(i, e);
	AUTO_CLOSE int fd = -1;
	struct index_options o = { 0 };

	if (t == NULL || draft_begin(&w, image_store(i), e) < 0)
		return -1;
	merged_uuid(i, o.uuid);
	for (size_t n = 0; n < i->manifest.n_layers; n++)
		o.data_blocks += i->layers[n]->size / STORE_BLOCK + 1;
	fd = draft_create(&w, "index", e);
	if (fd < 0 || index_write(t, &o, fd, e) < 0)
		return -1;
	return draft_commit(&w, FILES_IMAGES, &i->manifest.digest, e);
}

static struct index *
open_built(const struct image *i, struct err *e)
{
	AUTO_INDEX struct index *x = files_open_index(
	    image_store(i), FILES_IMAGES, &i->manifest.digest, e);
	uint8_t uuid[16];

	if (x == NULL)
		return NULL;
	merged_uuid(i, uuid);
	if (memcmp(index_uuid(x), uuid, sizeof uuid) == 0)
		return take_ptr(&x);
	err_set(e, EBADMSG, "%s: its layers were made again since", i->label);
	return NULL;
}

static struct index *
open_merged(const struct image *i, struct err *e)
{
	const struct digest *d = &i->manifest.digest;
	struct index *x = open_built(i, e);

	if (x != NULL || (e->code != ENOENT && e->code != EBADMSG))
		return x;
	if (e->code == EBADMSG) {
		log_warn("%s; making it again", e->msg);
		if (files_remove_dir(image_store(i), FILES_IMAGES, d, e) < 0)
			return NULL;
	}
	if (build_index(i, e) < 0) {
		err_wrap(e, "merging the layers of %s", i->label);
		return NULL;
	}
	return open_built(i, e);
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
check_layer(const struct image *i, size_t k, struct err *e)
{
	if (i->layers[k] != NULL)
		return 0;
	return err_set(e, ENOENT, "layer %zu of %s is not here: %s", k,
	    i->label, i->reasons[k]);
}

int
image_check_whole(const struct image *i, struct err *e)
{
	for (size_t k = 0; k < i->manifest.n_layers; k++)
		if (check_layer(i, k, e) < 0)
			return -1;
	return 0;
}

/* What a view keeps. */
struct viewing {
	struct image *image;
	struct recording *recording; /* or NULL */
};

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
		return image_check_whole(i, e) < 0 ? NULL : open_merged(i, e);
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
	return v;
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
		uint64_t present;

		if (l == NULL)
			continue;
		present = store_map_present(image_store(i), l->map);
		out->size += l->size;
		out->present += present;
		if (catalog_count_users(i->catalog, &l->digest) < 2)
			out->unique += present;
	}
}
