/* What this node has: layers, images, and the references that name them.  One
 * for the daemon; any thread.  Calls that may contact a registry or wait for a
 * layer being made block: for job threads.
 *
 * A layer is made once however many images want it at the same time; images
 * that share layers share everything of them.  The registry is asked what a tag
 * means each time; when it does not answer within five seconds, the last known
 * answer is used, its age told and logged.  A digest that is known needs no
 * registry.
 *
 * An image stays as long as it has a name or a holder:
 *
 *	named    "host/name:tag" was opened, pulled or mounted
 *	held     a mount, a container's snapshot or podman's layer uses it, it is
 *	         pinned, or its name went on to another image: that one keeps its
 *	         place until it is pruned (layer/prune.h)
 *	neither  removed in the background as soon as it is not open any more, with
 *	         the layers that only it had
 */
#ifndef LAYER_CATALOG_H
#define LAYER_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layer/companions.h"
#include "base/digest.h"

struct catalog;
struct db;
struct doc;
struct err;
struct fetcher;
struct image;
struct layer;
struct manifest;
struct notes;
struct pool;
struct publisher;
struct recordings;
struct reference;
struct registry;
struct source;
struct store;

struct catalog_parts {
	struct store *store;
	struct db *db;
	struct fetcher *fetcher;
	struct registry *registry;
	struct pool *makers;          /* threads that layers are made on */
	uint32_t patience_ms;         /* for blobs that are read whole */
	uint32_t record_ms, quiet_ms; /* layer/recordings.h */
	enum companions_trust trust;
	uint32_t companions_wait_ms; /* layer/companions.h */
	struct publisher *publisher; /* or NULL */
};

/* Opens every layer on disk; a damaged one is removed, with a warning: it is
 * made again when wanted.  The parts are borrowed and must outlive it. */
struct catalog *catalog_new(const struct catalog_parts *p, struct err *e);
/* Waits until no image is open any more: their fetching was cancelled. */
void catalog_free(struct catalog *c);
const struct catalog_parts *catalog_parts(const struct catalog *c);
/* What starts read, and who is recorded. */
struct recordings *catalog_recordings(const struct catalog *c);
/* What is known of companions that are not there. */
struct notes *catalog_notes(struct catalog *c);

enum { RESOLUTION_WHY_SIZE = 200 };

enum image_stage { IMAGE_RESOLVE, IMAGE_LAYERS, IMAGE_FETCH };

/* Told how an opening goes; any thread. */
struct image_watcher {
	void (*on_progress)(struct image_watcher *w, enum image_stage stage,
	    const struct digest *layer, uint64_t done, uint64_t total);
};

/* How it was found out what a reference means. */
struct image_resolution {
	/* When a registry last said so; 0: a digest says it by itself. */
	int64_t resolved_s;
	bool is_stale; /* this time none answered: */
	char why[RESOLUTION_WHY_SIZE];
};

struct image_request {
	const struct reference *reference;
	int layout; /* the folder of an oci: reference, else -1; borrowed */
	struct image_watcher *watcher;       /* or NULL */
	struct image_resolution *resolution; /* is told; or NULL */

	/* What the reference means, where the asker knows: nobody is asked what
	 * the tag means; or NULL. */
	const struct digest *manifest;
	/* A layer without a table of contents is read whole, if it has to be
	 * made, only up to this size: ENOTSUP, and no request was made; 0: no
	 * limit. */
	uint64_t whole_max_bytes;
	/* Layers that cannot be opened are left out, and image->reasons says
	 * why; opening fails only when the manifest cannot be had. */
	bool is_partial;
	/* It will be run, too: what its profile knows of layers that are to be
	 * made is fetched meanwhile.  image_start() follows. */
	bool is_start;
	/* The name is not noted: the asker holds the image before it unrefs
	 * it. */
	bool is_unnamed;
};

/* What layers were made since the last call is on disk when it returns; before,
 * a power cut loses them, and they are made again.  Blocks on disk. */
int catalog_settle(struct catalog *c, struct err *e);

/* Resolves, makes what is missing, and remembers the name.  The image's trees
 * are known then; its data need not have arrived.  The caller unrefs. */
struct image *catalog_open_image(
    struct catalog *c, const struct image_request *q, struct err *e);

/* What the reference means: the manifest, and no more.  Asks, makes and notes
 * nothing else. */
int catalog_read_manifest(struct catalog *c, const struct image_request *q,
    struct manifest *out, struct err *e);

/* An image that is here already, without asking anyone: ENOENT; is_partial as
 * above.  `label` is its reference, for messages. */
struct image *catalog_open_known(struct catalog *c,
    const struct digest *manifest, const char *label, bool is_partial,
    struct err *e);

/* Takes the name away.  *removed: nobody else wants the image; it and the
 * layers that only it had are gone, *freed_bytes with them, or will be as soon
 * as it is not open any more.  ENOENT. */
int catalog_forget(struct catalog *c, const char *name, struct digest *image,
    bool *removed, uint64_t *freed_bytes, struct err *e);

/* ---- who uses an image ---- */

/* `who` uses the image, also after a restart, until released: "mount/ID",
 * "snapshot/12", "podman/REF/DIGEST".  Twice is once.  ENOENT: no such image;
 * one that is open does not go away. */
int catalog_hold(struct catalog *c, const struct digest *manifest,
    const char *who, struct err *e);
/* Does nothing when it was not held.  Never waits for the image's removal. */
int catalog_release(struct catalog *c, const struct digest *manifest,
    const char *who, struct err *e);

/* Starts to remove what nobody wants; returns at once.  Nothing is removed in
 * the background before the first call, at the end of the daemon's start: by
 * then those who hold have said so. */
void catalog_collect(struct catalog *c);

/* Runs it on the thread that removes images, after what is queued there; all of
 * it has run when catalog_free() returns. */
struct task;
void catalog_submit(struct catalog *c, struct task *t);

/* ---- chains ---- */

/* An image, and the number of the layer in it, at which the layers from the
 * bottom up to it make this chain (image-spec config.md: ChainID).  Noted
 * whenever an image whose config is here is opened by catalog_open_image();
 * where several have it, one whose layer is here.  ENOENT. */
int catalog_find_chain(struct catalog *c, const struct digest *chain_id,
    struct digest *manifest, int *layer, struct err *e);

/* ---- why a runtime did not get a layer lazily ---- */

struct fallback {
	const char *label; /* the image's reference */
	struct digest layer;
	const char *reason;
	int64_t noted_s;
};

/* Kept for the last 1,000, the last one of each label and layer.  A failure is
 * only logged. */
void catalog_note_fallback(struct catalog *c, const char *label,
    const struct digest *layer, const char *reason);
/* The latest first; the strings live only during the call of fn; non-zero stops
 * and is returned. */
int catalog_each_fallback(struct catalog *c,
    int (*fn)(void *ctx, const struct fallback *f), void *ctx, struct err *e);

/* ---- looking ---- */

/* ENOENT; resolved_s may be NULL. */
int catalog_find_reference(struct catalog *c, const char *name,
    struct digest *manifest, int64_t *resolved_s, struct err *e);

/* Also an image without that name that was opened by it: the
 * last, and when.  ENOENT. */
int catalog_find_image(struct catalog *c, const char *name,
    struct digest *manifest, int64_t *resolved_s, struct err *e);

struct known_image {
	struct digest manifest;
	const char *label;        /* the reference it was opened by last; "" */
	const char *const *names; /* sorted */
	size_t n_names;
	const char *const *holders; /* sorted */
	size_t n_holders;
	int64_t last_used_s;
	int64_t resolved_s; /* the latest of its names */
};

/* Somebody holds it; a name that went on to another image does not. */
bool known_image_is_used(const struct known_image *k);

/* Every image; stops at the first non-zero return, which is no failure. */
int catalog_each_known(struct catalog *c,
    int (*fn)(void *ctx, const struct known_image *k), void *ctx,
    struct err *e);

unsigned catalog_count_layers(struct catalog *c);

/* How many images name this layer. */
unsigned catalog_count_users(struct catalog *c, const struct digest *layer);

/* ---- for image.c, open.c and resolve.c: layers by digest ---- */

struct layer_making;

/* The layer, made by this call if it is not there, or waited for.  Blocking. It
 * cannot be removed until catalog_put_layer().  EBUSY: its table lied, and somebody
 * still uses what was made of that. */
struct layer *catalog_take_layer(
    struct catalog *c, const struct layer_making *m, struct err *e);
/* The same if it is there; NULL without an error when not. */
struct layer *catalog_find_layer(struct catalog *c, const struct digest *d);
void catalog_put_layer(struct catalog *c, struct layer *l);

/* An image that is on the list of the open ones is not removed.  Adding waits
 * while a removal is under way; taking one off starts what was put off. */
void catalog_add_open(struct catalog *c, struct image *i);
void catalog_drop_open(struct catalog *c, struct image *i);
/* An image may be unwanted now; or will be when one of those open is closed. */
void catalog_collect_soon(struct catalog *c);
void catalog_collect_later(struct catalog *c);

/* ---- for collect.c: collector.c ---- */

/* No layer is made nor an image opened between the two. */
void catalog_begin_removal(struct catalog *c);
void catalog_end_removal(struct catalog *c);

/* During a removal.  An image that is open is removed when it no longer is:
 * true, and that is noted. */
bool catalog_put_off_removal(struct catalog *c, const struct digest *manifest);
/* The same for a layer, and all that it has on disk; adds to *freed_bytes.  1: it
 * is not here any more.  0: somebody uses it; where no image wants it, it is left
 * till he lets go of it.  -1: it stays, and may be used. */
int catalog_remove_layer(struct catalog *c, const struct digest *d,
    bool is_unwanted, uint64_t *freed_bytes, struct err *e);
/* Was one left since this was asked last? */
bool catalog_take_left(struct catalog *c);

/* Removes the layer unless somebody uses it: it can be made again.  Blocking; a
 * failure is only logged. */
void catalog_discard_layer(struct catalog *c, const struct digest *d);

/* Removes the images that have neither name nor holder, and where there was one, or
 * a layer was left, the layers that no image names; adds to *freed_bytes.  Blocking. */
int catalog_sweep(struct catalog *c, uint64_t *freed_bytes, struct err *e);
/* The same, and whatever else no image names. */
int catalog_sweep_all(struct catalog *c, uint64_t *freed_bytes, struct err *e);

#endif
