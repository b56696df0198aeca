/* What is asked of a host with a range, or several, and what it made of that: where
 * in its answer our bytes are.  Pure.
 *
 *	206 right range         take it all
 *	206 shorter at the end  take it; the rest is asked for again
 *	206 anything else       EPROTO
 *	200                     the whole blob: skip to ours, stop after it
 *	416                     EPROTO, or ENOENT where the blob has another size
 *	400, 501                ask again without range
 *
 * and of several ranges in one request
 *
 *	206 multipart           take its parts, as long as they are the ranges in
 *	                        their order
 *	206 one that begins right and brings no large gap
 *	                        take it; the rest is asked for one at a time
 *	anything else           ask again for one range, and so on; of a whole blob
 *	                        (S3) nothing is read
 *
 * Specification: RFC 9110 sections 14 and 15.3.7.
 */
#ifndef REGISTRY_RANGE_H
#define REGISTRY_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/source.h"

struct byte_range;
struct err;
struct http_head;

enum { RANGE_TEXT_BYTES = 42 * (SOURCE_MAX_GAPS + 1) };

struct range {
	uint64_t pos, end; /* of the blob; what is still wanted, but for gaps */
	uint64_t size;     /* the blob's */
	const struct source_gap *gaps; /* as in source_read */
	unsigned n_gaps;

	/* the request's */
	bool was_asked;   /* it had a Range header, */
	bool has_parts;   /* with several ranges, */
	uint64_t ask_end; /* up to here */
};

/* Moves pos past the gap that it is in. */
void range_pass_gap(struct range *r);

/* What the next request asks for: from pos on, which is in no gap, all that is
 * wanted; or without parts up to the next gap that is too large to be read. */
void range_ask(struct range *r, bool may_have_parts);
/* The same in the words of HTTP: "0-99,200-299". */
void range_write(const struct range *r, char text[static RANGE_TEXT_BYTES]);

enum range_verdict {
	RANGE_TAKE,
	RANGE_TAKE_PARTS,
	RANGE_ASK_ONE, /* range at a time */
	RANGE_ASK_WHOLE,
};

struct range_plan {
	enum range_verdict verdict;
	uint64_t skip; /* bytes of the body before pos */
	uint64_t take; /* then ours; at most end - pos */
	bool ignores_ranges;
};

/* For statuses 200, 206, 400, 416 and 501. */
int range_plan(struct range_plan *p, const struct range *r,
    const struct http_head *h, struct err *e);

/* The next part may be taken.  EPROTO: it is not the next that was asked for. */
int range_check_part(
    const struct range *r, const struct byte_range *part, struct err *e);

#endif
