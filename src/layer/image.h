/* An image that is open: its manifest, its layers, and its merged index on
 * disk. Shared (ref counted); any thread.  As long as one is open it stays, and
 * its layers with it.  A partial image lacks layers, and says of each why; what
 * works on all layers leaves those out.
 */
#ifndef LAYER_IMAGE_H
#define LAYER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layer/catalog.h"
#include "registry/manifest.h"
#include "base/list.h"

struct ahead;
struct companions;
struct places;
struct source;
struct view;

struct image {
	_Atomic unsigned refs;
	struct catalog *catalog;
	struct manifest manifest;
	char *label;             /* the reference it was opened by */
	struct layer **layers;   /* as in the manifest, bottom first; NULL: not
				    here, only in a partial image */
	char **reasons;          /* why not; NULL where the layer is */
	struct digest *diff_ids; /* the config's; NULL when it is not here */
	/* The image that its name meant before; its own where there was none.
	 * A start without a profile goes by that one's. */
	struct digest before;
	/* What a start reads, on its way since before the layers were known,
	 * till image_start(); or NULL. */
	struct ahead *ahead;
	struct list link; /* the catalog's */
};

/* Of what somebody wrote down, too: of a layer that the image does not have. */
static inline bool
image_has_layer(const struct image *i, int64_t layer)
{
	return layer >= 0 && (uint64_t)layer < i->manifest.n_layers &&
	       i->layers[layer] != NULL;
}

/* For open.c: an image with room for its layers, on the catalog's list of open
 * images.  Takes the manifest on success. */
struct image *image_new(
    struct catalog *c, const char *label, struct manifest *take, struct err *e);

/* For resolve.c: opens or makes every layer, and gets the config. Takes the
 * manifest on success.  `source` is where the blobs are; NULL: only what is
 * here (ENOENT names the layer that is not). */
struct image_opening {
	const char *label;
	struct source *source;
	struct image_watcher *watcher; /* or NULL */
	struct companions *companions; /* is met; or NULL */
	uint64_t whole_max_bytes;      /* as in struct image_request */
	bool is_partial;
	bool is_start;
};
struct image *image_open(struct catalog *c, struct manifest *take,
    const struct image_opening *o, struct err *e);
struct image *image_ref(struct image *i);
void image_unref(struct image *i);

#define IMAGE_MERGED (-1)

/* The layer's number for "N" or "sha256:..."; ENOENT says what there is. */
int image_find_layer(
    const struct image *i, const char *which, int *layer, struct err *e);

/* The layer that is not here, as an error: ENOENT with the reason.  0: all
 * are. */
int image_check_whole(const struct image *i, struct err *e);

/* A layer that is here, or with IMAGE_MERGED any, was understood from a table that
 * lied (layer/distrust.h). */
bool image_is_distrusted(const struct image *i, int layer);

/* What a mount shows: one layer, or IMAGE_MERGED. The view keeps the image. A
 * layer that is not here is ENOENT with its reason. */
struct view *image_view(struct image *i, int layer, struct err *e);
/* One more mount shows such a view, or one less (layer/recordings.h). */
void image_note_shown(struct image *i, bool is_shown);

/* The image config, from disk: EBADMSG, ENOENT when it was never fetched. */
struct doc *image_read_config(const struct image *i, struct err *e);

/* From the config: ENOENT when it was never fetched. The chain is that of the
 * layers from the bottom up to this one (image-spec config.md). */
int image_diff_id(
    const struct image *i, int layer, struct digest *out, struct err *e);
int image_chain_id(
    const struct image *i, int layer, struct digest *out, struct err *e);

/* Somebody is about to run the image: begins to record what he reads, and to
 * fetch what its profile says that he will, or else the image's own hints.
 * Returns at once: all that it does it does on a maker's thread.  Failures are
 * logged only: a read will try again. */
void image_start(struct image *i);

/* What a start of the image reads, as ranges of `data` in the order of use:
 * what makes room keeps these longest.  Release with places_release(); ENOENT:
 * no profile is known.  Blocks on disk. */
int image_find_start(const struct image *i, struct places *out, struct err *e);

/* For open.c: the same before the layers are known, from this source, of those
 * that have a table, or one beside the image (may be NULL); NULL where there is
 * nothing to be fetched. */
struct ahead *image_fetch_ahead(
    const struct image *i, const struct companions *c, struct source *s);

/* For prefetch.c: starts to fetch the layer's blob up to blob_end. */
void image_fill_start(struct image *i, size_t layer, uint64_t blob_end);

/* Starts to fetch each layer whose blob is at most so large, whole; returns at
 * once. */
void image_fill_small(struct image *i, uint64_t max_bytes);

/* Fetches in the background what is missing, within the fetcher's budget. */
void image_fill_idle(struct image *i);

/* Fetches everything; blocking.  *bytes: of blobs, by this call.  *is_cancelled
 * may become true at any time: ECANCELED soon after. */
int image_fill(struct image *i, struct image_watcher *w,
    const _Atomic bool *is_cancelled, uint64_t *bytes, struct err *e);

struct image_sizes {
	uint64_t size;    /* bytes of files' contents, each object once */
	uint64_t present; /* of them, stored here; whose: layer/footprint.h */
};
void image_sizes(const struct image *i, struct image_sizes *out);

/* What fetching one layer, or IMAGE_MERGED: all that are here, has cost, and
 * who waits for it (fetch/usage.h). */
struct blob_usage;
void image_usage(const struct image *i, int layer, struct blob_usage *out);

#endif
