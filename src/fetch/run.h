/* A run: one range request that brings several chunks.  Each piece goes to the
 * decode threads as soon as its bytes are complete.
 */
#ifndef FETCH_RUN_H
#define FETCH_RUN_H

struct inflight;
struct transfer;

/* Lock held: makes a run around a queued chunk that is fetched by range.  NULL:
 * no memory, the chunk is queued still. */
struct transfer *run_new(struct inflight *seed, unsigned origin);

#endif
