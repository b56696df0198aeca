/* Which chunks one request brings: those around a seed, in one range.  Of a host that
 * sends several ranges at once also those around what was asked for after it: of
 * what is guessed, where many small pieces are asked for as they come to mind.  Not
 * where a reader waits, nor of what a profile orders, which is in few pieces already;
 * neither gained by it; nor of spans, where each range brings much that nobody
 * guessed (docs/PERFORMANCE.md).
 *
 * Embedded in what makes the request.  With the fetcher's lock held.
 */
#ifndef FETCH_GATHER_H
#define FETCH_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/plan.h"
#include "registry/source.h"

struct blob;
struct inflight;

/* Ranges in a request.  (Its figures: docs/PERFORMANCE.md.) */
enum { GATHER_SPANS = 8 };

_Static_assert(GATHER_SPANS <= SOURCE_MAX_GAPS + 1, "ranges of a read");

struct gathered {
	struct blob *blob;
	const struct inflight *seed;
	unsigned origin;
	/* Nobody knows whether the origin sends several ranges: what nobody
	 * asked for is left out, so that there are some. */
	bool is_trial;
	struct plan_span spans[GATHER_SPANS]; /* of the map's ranks, in order */
	unsigned n;
};

/* The seed is queued, and fetched by range. */
void gather(struct gathered *g, const struct inflight *seed, unsigned origin);

/* The chunk of a span is one that is to be brought. */
bool gather_wants(const struct gathered *g, uint32_t rank);

#endif
