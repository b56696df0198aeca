/* A range of a blob that is read before its map is known: bytes are held until
 * the map comes, and are then what any run brings.
 *
 *	early_start -> early_meet -> (a run like others)
 *	            -> early_drop -> (gone)
 *
 * Exactly one of the two follows; whoever calls it lets go of it.  Neither
 * blocks; lock not held.
 */
#ifndef FETCH_EARLY_H
#define FETCH_EARLY_H

#include <stdint.h>

struct blob;
struct demand;
struct digest;
struct early;
struct fetcher;
struct source;

struct early_range {
	const struct digest *blob;
	uint64_t blob_size;
	uint64_t blob_off;
	uint32_t len;
};

/* `note` is finished (fetch/demand.h), by the fetch thread, when the read has
 * ended.  NULL: no memory; then it is not.  Not inside a source's callback. */
struct early *early_start(struct fetcher *f, struct source *s,
    const struct early_range *r, struct demand *note);

/* The blob's map is known: what of it lies in the range and is missing comes
 * from here.  One that is closed, or does not know the source, is none. */
void early_meet(struct early *x, struct blob *b);

/* Nobody wants it; what still comes is thrown away. */
void early_drop(struct early *x);

#endif
