/* What an object is called that a table of contents describes: what proves it is
 * its chunks, nothing that the table claims beside them.  The digest of the bytes
 * for a file of one chunk, a digest over the chunks' digests for others. */
#ifndef FORMAT_IDENTITY_H
#define FORMAT_IDENTITY_H

#include <stdint.h>

#include "base/digest.h"

struct chunk;

/* All of an object's chunks; each has a digest or is zeros.  The hasher is as
 * new before and after. */
void identity_of(
    struct hasher *h, const struct chunk *c, uint32_t n, struct digest *out);

#endif
