/* An OCI content descriptor: what a manifest says of a blob.  It is what
 * registry/ hands to format/, which never meet.
 *
 * Specification: opencontainers/image-spec descriptor.md.
 */
#ifndef BASE_DESCRIPTOR_H
#define BASE_DESCRIPTOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

struct doc;
struct err;

struct annotation {
	char *key;
	char *value;
};

struct descriptor {
	char *media_type; /* "" when absent */
	struct digest digest;
	uint64_t size; /* bytes, <= LIMIT_BLOB_BYTES */
	struct annotation *annotations;
	size_t n_annotations;
};

/* From the JSON object; on failure *d needs no release. */
int descriptor_parse(struct descriptor *d, const struct doc *j, struct err *e);
/* The same object again, for storing. */
struct doc *descriptor_to_doc(const struct descriptor *d);
int descriptor_copy(
    struct descriptor *to, const struct descriptor *from, struct err *e);
void descriptor_release(struct descriptor *d);

/* The annotation's value, or NULL. */
const char *descriptor_annotation(const struct descriptor *d, const char *key);

#endif
