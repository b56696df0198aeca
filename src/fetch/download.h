/* A blob's bytes in their order, from one source.  Where requests start slowly
 * it is asked for parts, several at once: a connection alone may be slower than
 * the link, be it by its server's will or by the distance.  The part that is
 * next is read as it comes, those behind it wait in memory, whole; how many of
 * those there are is limited for all downloads of a fetcher together.
 *
 *	download_init -> download_next ... -> download_release
 *
 * One thread; the source's callbacks come on any.
 */
#ifndef FETCH_DOWNLOAD_H
#define FETCH_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/guard.h"
#include "fetch/intake.h"
#include "registry/source.h"

struct descriptor;
struct err;
struct fetcher;

enum { DOWNLOAD_PARTS = 4 }; /* at once */

struct download_part {
	struct source_read read;
	struct guard guard;
	struct intake intake;
	uint64_t got; /* bytes that were given on */
	bool is_ahead;
};

struct download {
	struct fetcher *fetcher;
	struct source *source;
	const struct descriptor *blob;
	bool is_in_parts;
	uint64_t asked_off; /* up to where the blob was asked for */

	struct download_part parts[DOWNLOAD_PARTS]; /* a ring */
	unsigned first, n;
};

/* From blob_off to the blob's end.  may_split: the source is not known to send
 * whole blobs only. */
void download_init(struct download *d, struct fetcher *f, struct source *s,
    const struct descriptor *blob, uint64_t blob_off, bool may_split);

/* 1: *p is the next parcel, which the caller frees; 0: that was the end; -1: as
 * the source failed, or ENOTSUP: it sends no parts, and none was given.
 * Blocks. */
int download_next(struct download *d, struct parcel **p, struct err *e);

/* Whatever is still under way is not wanted; waits for the source. */
void download_release(struct download *d);

#endif
