/* Missing chunks of a stream (CHUNK_STREAM): one replay of the blob from its
 * start, one a blob at a time, which everybody joins who misses such a chunk.
 * Whatever passes and is missing is verified and stored, wanted or not.
 *
 *	source callback -> intake -> decode thread: decompress, cut, verify,
 *	                             store
 *
 * It ends as soon as nothing that lies ahead is asked for, unless a fill runs;
 * what was asked for after it had passed waits for the next.
 */
#ifndef FETCH_REPLAY_H
#define FETCH_REPLAY_H

#include <stdbool.h>

struct inflight;
struct transfer;

/* Both on the fetch thread, lock held, for a queued record. */

/* True: the blob is being replayed, the record waits for that. */
bool replay_join(struct inflight *i);
/* NULL: no memory. */
struct transfer *replay_start(struct inflight *i, unsigned origin);

#endif
