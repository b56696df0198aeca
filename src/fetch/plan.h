/* What to fetch together: pure decisions about neighbours, no I/O, no clock.
 *
 * The planner sees a blob as a row of chunks in the blob's order and asks its
 * caller about each: is it there, absent, or queued?  Its constants are in
 * plan.c with their reasons.
 */
#ifndef FETCH_PLAN_H
#define FETCH_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum plan_state {
	PLAN_THERE,  /* present, on its way, or not fetched by range */
	PLAN_ABSENT, /* nobody asked for it */
	PLAN_QUEUED, /* asked for, may go into this request */
	PLAN_URGENT, /* the same, and as urgent as the seed */
};

struct plan_chunk {
	uint64_t blob_off;
	uint64_t object_size; /* of the object that it is part of */
	uint32_t object;      /* which that is */
	uint32_t blob_len;    /* 0: has no place in the blob; skipped */
	enum plan_state state;
};

struct plan_view {
	uint32_t n; /* ranks are 0..n-1 */
	void (*look)(void *ctx, uint32_t rank, struct plan_chunk *out);
	void *ctx;
};

/* Ranks, both ends included. */
struct plan_span {
	uint32_t first, last;
};

/* Which chunks around `seed` one range request of at most `bytes` shall bring:
 * every one of the span that is queued or absent.  Both ends are such. */
struct plan_span plan_run(
    const struct plan_view *v, uint32_t seed, uint64_t bytes);

/* A reader missed the chunk `seed`: the ranks around it of which absent chunks
 * shall be fetched too. */
struct plan_span plan_window(const struct plan_view *v, uint32_t seed);
/* A large file beside a missed one is not wanted because that is. */
bool plan_is_small(uint64_t object_size);

/* A reader missed [from, to) of a large object, of which the `before` bytes up
 * to `from` were read already: how many bytes after `to` to fetch too. */
uint64_t plan_readahead(uint64_t before);

#endif
