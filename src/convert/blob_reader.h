/* A blob's bytes in their order, in one request: what a source gives to a thread
 * that may wait for them.
 *
 *	open -> next... -> close
 */
#ifndef CONVERT_BLOB_READER_H
#define CONVERT_BLOB_READER_H

#include <stdint.h>

#include "fetch/guard.h"
#include "fetch/intake.h"
#include "registry/source.h"

struct descriptor;
struct err;

struct blob_reader {
	struct source *source;
	struct source_read read;
	struct guard guard;
	struct intake intake;
};

/* The first `len` bytes.  The source is borrowed. */
void blob_reader_open(struct blob_reader *r, struct source *s,
    const struct descriptor *blob, uint64_t len);
/* 1: *p is next, which the caller frees; 0: that was the end; -1: as the source
 * failed. */
int blob_reader_next(struct blob_reader *r, struct parcel **p, struct err *e);
/* Whatever is still under way is not wanted; waits for the source. */
void blob_reader_close(struct blob_reader *r);

#endif
