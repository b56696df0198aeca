/* One image's recording, as the read path sees it: a switch, and a trail while
 * it is on.
 *
 *	off -> recording_start() -> on, and running from the first note ->
 *	recording_stop() -> off
 *
 * While it is off a note costs one load.  Owned by layer/recordings.h; any
 * thread.
 */
#ifndef LAYER_RECORDING_H
#define LAYER_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

struct recording;
struct trail;

/* on_first(ctx): a recording has begun to run; on the reader's thread, without
 * a lock; it must not block.  NULL: no memory. */
struct recording *recording_new(void (*on_first)(void *ctx), void *ctx);
void recording_free(struct recording *r);

/* From the next note on; does nothing to one that is on. */
void recording_start(struct recording *r);
/* *out is what was noted, the caller's to release. */
void recording_stop(struct recording *r, struct trail *out);

bool recording_is_on(const struct recording *r);
/* False: it is off, or nothing was noted yet.  When the first note came, and
 * the last. */
bool recording_runs(struct recording *r, uint64_t *first_ns, uint64_t *last_ns);

/* Somebody read, or waits for, this range of `data`. */
void recording_note(struct recording *r, uint64_t data_off, uint64_t len);

#endif
