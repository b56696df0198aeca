/* A SOCI index: which blob is whose zTOC.  An OCI image manifest,
 *
 *	config       mediaType application/vnd.amazon.soci.index.v1+json, or
 *	             ...v2+json; "{}"
 *	layers       zTOCs, application/octet-stream; annotation
 *	             com.amazon.soci.image-layer-digest; others may be there
 *	subject      v1 only: the image's manifest
 *
 * v1 is found by asking who refers to the image's manifest.  Where that names
 * an index itself, by the annotation com.amazon.soci.index-digest, it is v2,
 * and vouched for.
 *
 * A pure parser.  Indexes as old as the artifact manifest of OCI 1.1's release
 * candidates are not read.
 *
 * Specification: soci-snapshotter docs/soci-index-manifest-v2.md.
 */
#ifndef FORMAT_SOCI_INDEX_H
#define FORMAT_SOCI_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/digest.h"

struct err;
struct format;

/* What a table is parsed with: it lies in a blob of its own (format.h). */
extern const struct format format_soci;

#define SOCI_INDEX_V1 "application/vnd.amazon.soci.index.v1+json"
#define SOCI_INDEX_V2 "application/vnd.amazon.soci.index.v2+json"

struct soci_table {
	struct digest layer;     /* the blob that it is of */
	struct descriptor table; /* the zTOC's own */
};

struct soci_index {
	bool has_subject;
	struct digest subject; /* the manifest that it is of */
	struct soci_table *tables;
	size_t n_tables;
};

#define AUTO_SOCI_INDEX CLEANUP(soci_index_release)

/* EBADMSG; ENOTSUP: it is something else.  On failure *x needs no release. */
int soci_index_parse(
    struct soci_index *x, const void *p, size_t n, struct err *e);
void soci_index_release(struct soci_index *x);

/* The layer's zTOC, or NULL. */
const struct descriptor *soci_index_find(
    const struct soci_index *x, const struct digest *layer);

/* The index that an image's manifest names.  False: none, or no digest. */
bool soci_index_of_manifest(const void *p, size_t n, struct digest *out);

#endif
