/* Cuts one file of a stream into chunks as its bytes pass, and hashes it.
 *
 * A chunk lies wholly in one stretch of the blob.  It is at most 1 MiB where a
 * part of it can be read alone (RAW, STREAM); a range that must be decoded from
 * its start is not cut further.  A chunk that is all zeros says so.
 *
 * cutter_begin, cutter_data and cutter_hole until the size is reached,
 * cutter_end.  Private to the stream.
 */
#ifndef FORMAT_CUTTER_H
#define FORMAT_CUTTER_H

#include <stdbool.h>
#include <stdint.h>

#include "store/map.h"

struct err;
struct hasher;
struct stretch;

struct cutter {
	/* The file's digest and the open chunk's: one and the same as long as
	 * the first chunk is open, which is all of most files. */
	struct hasher *whole, *piece;
	uint64_t size, at; /* of the file */
	struct chunk open; /* len 0: none */
	bool is_zeros;     /* all of `open` so far, which is not yet hashed */
	struct chunk *chunks;
	uint32_t n_chunks, cap;
};

void cutter_init(struct cutter *c);
void cutter_release(struct cutter *c);

void cutter_begin(struct cutter *c, uint64_t size);
/* p points into the stretch's bytes. */
int cutter_data(struct cutter *c, const struct stretch *s, const uint8_t *p,
    size_t n, struct err *e);
int cutter_hole(struct cutter *c, uint64_t n, struct err *e);
/* The chunks are in c->chunks until the next begin. */
int cutter_end(struct cutter *c, struct digest *whole, struct err *e);

#endif
