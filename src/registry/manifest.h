/* Manifests, indexes and image configs: pure parsers of the OCI and Docker
 * schema 2 documents.  Schema 1 is ENOTSUP.
 *
 * Specifications: image-spec manifest.md, image-index.md, config.md;
 * distribution's image manifest v2 schema 2.
 */
#ifndef REGISTRY_MANIFEST_H
#define REGISTRY_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/descriptor.h"

struct err;

struct platform {
	const char *os;           /* "linux" */
	const char *architecture; /* GOARCH: "amd64", "arm64" */
	const char *variant;      /* "v8", or NULL */
};

/* What this machine runs. */
struct platform platform_of_machine(void);

struct manifest {
	struct digest digest; /* of its own bytes */
	char *media_type;
	struct descriptor config;
	struct descriptor *layers; /* bottom first */
	size_t n_layers;
	char *raw; /* the bytes themselves */
	size_t raw_len;
};

#define AUTO_MANIFEST CLEANUP(manifest_release)

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX };

/* What the bytes are, by mediaType or, without one, by members. */
int manifest_kind(
    const void *p, size_t n, enum manifest_kind *kind, struct err *e);

/* Parses an image manifest.  Computes its digest; the caller compares. Layers
 * whose type is no tar layer (artifacts, foreign layers) are ENOTSUP naming the
 * type. */
int manifest_parse(struct manifest *m, const void *p, size_t n, struct err *e);
void manifest_release(struct manifest *m);

/* The index's manifest for the platform: exact variant, else none, else the
 * nearest lower (v8 runs v7).  Attestation entries (os "unknown") and artifacts
 * never match: SOCI puts its indexes beside the images, of the same platforms.
 * ENOENT lists the platforms that there are. */
int manifest_choose(const void *p, size_t n, const struct platform *want,
    struct descriptor *out, struct err *e);

/* Is it the type of a container image's config?  An artifact has another. */
bool manifest_is_image_config(const char *media_type);

struct image_config {
	struct digest *diff_ids;
	size_t n_diff_ids;
	char *os;
	char *architecture;
};

/* diff_ids must be as many as the manifest's layers: the caller compares. */
int image_config_parse(
    struct image_config *c, const void *p, size_t n, struct err *e);
void image_config_release(struct image_config *c);

#endif
