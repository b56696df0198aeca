/* A blob's bytes in their order, from one source.
 *
 * One request, as long as that is fast enough.  A connection alone may be
 * slower than the link, be it by its server's will or by the distance: one that
 * turns out to be slow is left at a place not far ahead, and from there on the
 * blob comes in parts, several at once.  The part that is next is read as it
 * comes, those behind it wait in memory, whole; how many of those there are is
 * limited for all downloads of a fetcher together.  A source that sends no parts
 * says so before the first request is left, which then goes on.
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
	uint64_t end; /* how many shall be: less than read.len where it is left
		       */
	bool is_ahead;
};

/* When a first request is slow: so long after its first byte, so long before
 * its last, with no more than so many bytes that wait for the reader. */
struct download_rule {
	uint64_t after_ns, before_ns;
	size_t waiting_bytes;
};

struct download {
	struct fetcher *fetcher;
	struct source *source;
	const struct descriptor *blob;
	struct download_rule rule; /* tests have another */
	bool may_split;
	bool is_in_parts;
	uint64_t began_ns;  /* when the first byte came */
	uint64_t asked_off; /* up to where the blob was asked for */

	struct download_part parts[DOWNLOAD_PARTS]; /* a ring */
	unsigned first, n;
};

/* From blob_off to the blob's end. */
void download_init(struct download *d, struct fetcher *f, struct source *s,
    const struct descriptor *blob, uint64_t blob_off);

/* 1: *p is the next parcel, which the caller frees; 0: that was the end; -1: as
 * the source failed.  Blocks. */
int download_next(struct download *d, struct parcel **p, struct err *e);

/* Whatever is still under way is not wanted; waits for the source. */
void download_release(struct download *d);

#endif
