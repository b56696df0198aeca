/* The manifest of an artifact that belongs to an image: an image manifest by the
 * conventions of OCI 1.1, with an artifactType, an empty config, and the image's
 * manifest as its subject.  What layerfs publishes beside images is such:
 *
 *	{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
 *	 "artifactType": TYPE, "config": {empty}, "layers": [
 *	    {"mediaType": TYPE OF THE BLOB, "digest", "size",
 *	     "annotations": {"vnd.layerfs.layer": DIGEST OF THE LAYER IT IS ABOUT},
 *	     "data": its bytes in base 64, where they are few}, ...],
 *	 "subject": {the image's manifest}}
 *
 *	artifactType                        blobs
 *	application/vnd.layerfs.index.v1    application/vnd.layerfs.layer-index.v1,
 *	                                    one a layer
 *	application/vnd.layerfs.profile.v1  application/vnd.layerfs.profile.v1, one
 *
 * No times, no names: of the same blobs everybody makes the same bytes.  Pure.
 *
 * Specification: image-spec manifest.md, "Guidelines for Artifact Usage";
 * descriptor.md for "data".
 */
#ifndef REGISTRY_ARTIFACT_H
#define REGISTRY_ARTIFACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/descriptor.h"

struct err;
struct manifest;

#define ARTIFACT_INDEX "application/vnd.layerfs.index.v1"
#define ARTIFACT_LAYER_INDEX "application/vnd.layerfs.layer-index.v1"
#define ARTIFACT_PROFILE "application/vnd.layerfs.profile.v1"
#define ARTIFACT_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define ARTIFACT_EMPTY "application/vnd.oci.empty.v1+json" /* its config's */

struct artifact_blob {
	struct descriptor descriptor;
	bool has_layer;
	struct digest layer; /* that it is about */
	/* Its bytes, if they came with the manifest: of the right size and
	 * digest.  data.data is NULL else. */
	struct buf data;
};

struct artifact {
	struct digest digest; /* of its own bytes */
	char *type;           /* artifactType */
	struct digest subject;
	struct artifact_blob *blobs;
	size_t n_blobs;
};

#define AUTO_ARTIFACT CLEANUP(artifact_release)

/* EBADMSG for what is none, or none of a subject; a blob whose data is not what
 * its digest says has none.  On failure *a needs no release. */
int artifact_parse(struct artifact *a, const void *p, size_t n, struct err *e);
void artifact_release(struct artifact *a);

/* The blob that is about the layer; NULL. */
const struct artifact_blob *artifact_find(
    const struct artifact *a, const struct digest *layer);

/* ---- making one ---- */

/* The blob of the empty config. */
extern const char artifact_empty[];

/* What is to be in it: of the blobs only descriptor, layer and data count; data
 * over ARTIFACT_DATA_BYTES stays in its blob. */
enum { ARTIFACT_DATA_BYTES = 128 << 10 };
struct artifact_plan {
	const char *type;
	const struct manifest *subject;
	const struct artifact_blob *blobs;
	size_t n_blobs;
};
/* Appends the manifest's bytes. */
int artifact_write(
    const struct artifact_plan *p, struct buf *out, struct err *e);

#endif
