/* A run: one request, of one range or several, that brings several chunks.  Each
 * piece goes to the decode threads as soon as its bytes are complete.
 */
#ifndef FETCH_RUN_H
#define FETCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/transfer.h"
#include "base/list.h"

struct inflight;

struct run {
	struct transfer transfer;
	struct list pieces; /* piece.link, by blob_off; the source's callbacks
			       alone take from it */
	uint64_t at;        /* position of the next byte */
	struct source_gap gaps[SOURCE_MAX_GAPS]; /* the read's */
	uint8_t last;                            /* the byte before it */
	uint64_t gave; /* as in source_read, up to there */
	bool is_out_of_memory;
};

/* Lock held: makes a run around a queued chunk that is fetched by range.  NULL:
 * no memory, the chunk is queued still. */
struct transfer *run_new(struct inflight *seed, unsigned origin);

/* ---- for early.c, whose run begins before its chunks are known ---- */

/* Lock held.  The queued chunk joins; chunks come in the order of the blob.
 * -1: no memory. */
int run_add(struct run *r, struct inflight *i, unsigned origin);

/* The next bytes. */
enum source_verdict run_take_bytes(struct run *r, const void *p, size_t n);

/* No more come: what is incomplete has been missed.  The transfer ends. */
void run_end(struct run *r, const struct err *failure);

#endif
