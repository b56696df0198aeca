/* What a conversion has to do: the image's manifests, and each layer of any of
 * them once.
 *
 *	plan_read -> (each layer gets its result) -> plan_write... -> plan_release
 *
 * Not locked: while layers are converted by several threads, each writes to its
 * own layer alone.
 */
#ifndef CONVERT_PLAN_H
#define CONVERT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "convert/wish.h"
#include "registry/manifest.h"
#include "base/bytes.h"
#include "base/descriptor.h"

struct destination;
struct doc;
struct err;
struct platform;
struct reference;
struct registry;
struct source;

enum layer_way {
	LAYER_CONVERTED, /* made here */
	LAYER_KEPT,      /* zstd:chunked already */
	LAYER_REUSED,    /* the destination has it from an earlier conversion */
};

struct plan_layer {
	struct descriptor from;
	struct digest diff_id;
	struct wish wish;

	/* the result */
	struct digest new_diff_id; /* another one where a wish came true */
	enum layer_way way;
	struct descriptor to;
	const char *misfit; /* why it has no table; NULL: it has */
};

struct plan_image {
	char *platform; /* "linux/arm64/v8"; "" when not said */
	struct doc *manifest;
	struct descriptor config;
	struct buf config_text;
	size_t *layers; /* of the plan's; bottom first */
	size_t n_layers;
	size_t entry; /* of the index */
};

struct plan {
	struct doc *index; /* NULL: the reference names one manifest */
	struct plan_image *images;
	size_t n_images;
	struct plan_layer *layers;
	size_t n_layers;
	size_t n_left_out; /* attestations: they vouch for the original */
};

#define AUTO_PLAN CLEANUP(plan_release)

struct plan_origin {
	struct registry *registry;
	const struct reference *reference;
	int layout; /* of a layout reference */
	struct source *source;
	/* Only this one, and no index; NULL: all there are. */
	const struct platform *platform;
};

/* Reads index, manifests and configs.  ENOTSUP for what is no image. */
int plan_read(struct plan *p, const struct plan_origin *o, struct err *e);
void plan_release(struct plan *p);

/* ---- what is written ---- */

/* The config, and what the manifest says of it, with the layers' new diff_ids; as it
 * was where those are. */
int plan_update_config(
    const struct plan *p, struct plan_image *m, struct err *e);

/* An OCI manifest of the image with the layers' results, all else as it was. */
char *plan_manifest(const struct plan *p, const struct plan_image *m);

/* Notes in the index what became of an image's manifest. */
void plan_set_entry(struct plan *p, const struct plan_image *m,
    const struct digest *d, size_t len);
/* The index without what was left out. */
char *plan_index(const struct plan *p);

#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX "application/vnd.oci.image.index.v1+json"

#endif
