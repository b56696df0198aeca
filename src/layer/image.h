/* An image that is open: its manifest, its layers, and its merged index on
 * disk. Shared (ref counted); any thread.  As long as one is open its layers
 * stay.
 */
#ifndef LAYER_IMAGE_H
#define LAYER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layer/catalog.h"
#include "registry/manifest.h"

struct view;

struct image {
	_Atomic unsigned refs;
	struct catalog *catalog;
	struct manifest manifest;
	char *label;           /* the reference it was opened by */
	struct layer **layers; /* as in the manifest, bottom first */
};

/* For open.c: an image with room for its layers, nothing else set. */
struct image *image_new(
    struct catalog *c, const char *label, size_t n_layers, struct err *e);

/* For catalog.c: opens or makes every layer.  Takes the manifest.  `source` is
 * where the blobs are; NULL: only what is here (ENOENT names the layer that is
 * not). */
struct image *image_open(struct catalog *c, struct manifest *take,
    const char *label, struct source *source, struct image_watcher *w,
    struct err *e);
struct image *image_ref(struct image *i);
void image_unref(struct image *i);

#define IMAGE_MERGED (-1)

/* The layer's number for "N" or "sha256:..."; ENOENT says what there is. */
int image_find_layer(
    const struct image *i, const char *which, int *layer, struct err *e);

/* What a mount shows: one layer, or IMAGE_MERGED. The view keeps the image. */
struct view *image_view(struct image *i, int layer, struct err *e);

/* The image config, from disk: EBADMSG, ENOENT when it was never fetched. */
struct doc *image_read_config(const struct image *i, struct err *e);

/* Starts to fetch what the image's own hints say a start reads; returns at
 * once. Failures are logged at level info only: a read will try again. */
void image_prefetch(struct image *i);

/* Fetches in the background what is missing, within the fetcher's budget. */
void image_fill_idle(struct image *i);

/* Fetches everything; blocking.  *bytes: of blobs, by this call.  *is_cancelled
 * may become true at any time: ECANCELED soon after. */
int image_fill(struct image *i, struct image_watcher *w,
    const _Atomic bool *is_cancelled, uint64_t *bytes, struct err *e);

struct image_sizes {
	uint64_t size;    /* bytes of files' contents, each object once */
	uint64_t present; /* of them, stored here */
	uint64_t unique;  /* of those, in layers that no other image has */
};
void image_sizes(const struct image *i, struct image_sizes *out);

#endif
