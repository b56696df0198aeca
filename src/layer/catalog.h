/* What this node has: layers, images, and the references that name them.  One
 * for the daemon; any thread.  Calls that may contact a registry or wait for a
 * layer being made block: for job threads.
 *
 * A layer is made once however many images want it at the same time; images
 * that share layers share everything of them.  The registry is asked what a tag
 * means each time; when it does not answer, the last known answer is used and
 * its age logged.  A digest that is known needs no registry.
 */
#ifndef LAYER_CATALOG_H
#define LAYER_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

struct catalog;
struct db;
struct doc;
struct err;
struct fetcher;
struct image;
struct layer;
struct pool;
struct reference;
struct registry;
struct source;
struct store;

struct catalog_parts {
	struct store *store;
	struct db *db;
	struct fetcher *fetcher;
	struct registry *registry;
	struct pool *makers;  /* threads that layers are made on */
	uint32_t patience_ms; /* for blobs that are read whole */
};

/* Opens every layer on disk; a damaged one is removed, with a warning: it is
 * made again when wanted.  The parts are borrowed and must outlive it. */
struct catalog *catalog_new(const struct catalog_parts *p, struct err *e);
/* Waits until no image is open any more: their fetching was cancelled. */
void catalog_free(struct catalog *c);
const struct catalog_parts *catalog_parts(const struct catalog *c);

enum image_stage { IMAGE_RESOLVE, IMAGE_LAYERS, IMAGE_FETCH };

/* Told how an opening goes; any thread. */
struct image_watcher {
	void (*on_progress)(struct image_watcher *w, enum image_stage stage,
	    const struct digest *layer, uint64_t done, uint64_t total);
};

struct image_request {
	const struct reference *reference;
	int layout; /* the folder of an oci: reference, else -1; borrowed */
	struct image_watcher *watcher; /* or NULL */
};

/* Resolves, makes what is missing, and remembers the name.  The image's trees
 * are known then; its data need not have arrived.  The caller unrefs. */
struct image *catalog_open_image(
    struct catalog *c, const struct image_request *q, struct err *e);

/* An image that is here already, without asking anyone: ENOENT. `label` is its
 * reference, for messages. */
struct image *catalog_open_known(struct catalog *c,
    const struct digest *manifest, const char *label, struct err *e);

/* Takes the name away.  *removed: it was the image's last, and the image and
 * the layers that only it had are gone, *freed_bytes with them; layers that are
 * in use stay until the next time.  ENOENT. */
int catalog_forget(struct catalog *c, const char *name, struct digest *image,
    bool *removed, uint64_t *freed_bytes, struct err *e);

/* ---- looking ---- */

/* ENOENT; resolved_s may be NULL. */
int catalog_find_reference(struct catalog *c, const char *name,
    struct digest *manifest, int64_t *resolved_s, struct err *e);

struct known_image {
	struct digest manifest;
	const char *const *names; /* sorted */
	size_t n_names;
	int64_t last_used_s;
	int64_t resolved_s; /* the latest of its names */
};

/* Every image; stops at the first non-zero return, which is no failure. */
int catalog_each_known(struct catalog *c,
    int (*fn)(void *ctx, const struct known_image *k), void *ctx,
    struct err *e);

unsigned catalog_count_layers(struct catalog *c);

/* How many images name this layer. */
unsigned catalog_count_users(struct catalog *c, const struct digest *layer);

/* ---- for open.c and resolve.c: layers by digest ---- */

struct layer_making;

/* The layer, made by this call if it is not there, or waited for.  Blocking. It
 * cannot be removed until catalog_put_layer(). */
struct layer *catalog_take_layer(
    struct catalog *c, const struct layer_making *m, struct err *e);
/* The same if it is there; NULL without an error when not. */
struct layer *catalog_find_layer(struct catalog *c, const struct digest *d);
void catalog_put_layer(struct catalog *c, struct layer *l);

/* Removes the layers that no image names and nobody uses; adds to
 * *freed_bytes. */
int catalog_remove_orphans(
    struct catalog *c, uint64_t *freed_bytes, struct err *e);

#endif
