/* What a host made of a ranged request: where in its answer our bytes are.
 * Pure.
 *
 *	206 right range         take it all
 *	206 shorter at the end  take it; the rest is asked for again
 *	206 anything else       EPROTO
 *	200                     the whole blob: skip to ours, stop after it
 *	416                     EPROTO, or ENOENT where the blob has another size
 *	400, 501                ask again without range
 *
 * Specification: RFC 9110 sections 14 and 15.3.7.
 */
#ifndef REGISTRY_RANGE_H
#define REGISTRY_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct http_head;

struct range {
	uint64_t pos, end; /* of the blob; what is still wanted */
	uint64_t size;     /* the blob's */
	bool was_asked;    /* the request had a Range header */
};

enum range_verdict { RANGE_TAKE, RANGE_ASK_WHOLE };

struct range_plan {
	enum range_verdict verdict;
	uint64_t skip; /* bytes of the body before pos */
	uint64_t take; /* then ours; at most end - pos */
	bool ignores_ranges;
};

/* For statuses 200, 206, 400, 416 and 501. */
int range_plan(struct range_plan *p, const struct range *r,
    const struct http_head *h, struct err *e);

#endif
