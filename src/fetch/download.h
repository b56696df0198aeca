/* A blob's bytes in their order, from one source.
 *
 * One request, as long as more would not be faster.  A connection alone may be
 * slower than the link, be it by its server's will or by the distance.  So, when it
 * has reached its speed and much is left, the blob's tail is asked for beside it.  If
 * more comes in that time than before, with what other downloads of the fetcher get,
 * the first request is left at a place not far ahead, and from there on the blob
 * comes in parts, several at once; otherwise the request goes on up to the tail.
 * The part that is next is read as it comes, those behind it wait in memory, whole;
 * how many of those there are is limited for all downloads of a fetcher together.
 * A source that sends no parts says so when the tail is tried.
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
	struct fetcher *fetcher;
	struct source_read read;
	struct guard guard;
	struct intake intake;
	uint64_t got; /* bytes that were given on */
	uint64_t
	    end; /* how many shall be: less than read.len where it is left */
	uint64_t came;         /* the source's: bytes that it took */
	_Atomic uint64_t stop; /* where it needs no more of them */
	bool is_ahead;
};

/* When parts are tried, and when they are kept. */
struct download_rule {
	uint64_t sample_ns;   /* over so long a rate is taken */
	uint64_t left_ns;     /* so long the first request would still take */
	size_t waiting_bytes; /* more of them say that the reader is slow */
	double growth;        /* of a rate over the last: still in slow start */
	double gain;          /* of the rate with the tail over that without */
};

enum download_way {
	DOWNLOAD_ALONE,
	DOWNLOAD_TRIAL, /* the first request, and the tail */
	DOWNLOAD_IN_PARTS,
};

/* Of all downloads of the fetcher, in bytes per ns. */
struct download_pace {
	uint64_t at_ns, bytes; /* where the sample began */
	double last, best;
};

struct download {
	struct fetcher *fetcher;
	struct source *source;
	const struct descriptor *blob;
	struct download_rule rule; /* tests have another */
	enum download_way way;
	bool may_try;
	uint64_t avoid, gave; /* as in source_read; set the first */
	bool has_others;
	uint64_t waited_ns; /* for the source, awake, since its last bytes */
	uint64_t began_ns;  /* when the first byte came */
	uint64_t asked_off; /* up to where the blob was asked for in order */
	uint64_t end_off;   /* its end, or where the tail begins */
	struct download_pace alone, trial;

	struct download_part parts[DOWNLOAD_PARTS]; /* a ring */
	unsigned first, n;
	struct download_part tail;
	bool has_tail;
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
