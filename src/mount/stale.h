/* Contents that turned out to be wrong and were dropped (layer/verify.h): the
 * kernel may have them in its cache still, of every mount that shows them.
 *
 *	stale_note() ... -> stale_drop() -> stale_release()
 */
#ifndef MOUNT_STALE_H
#define MOUNT_STALE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct err;
struct showings;

struct stale {
	struct stale_range {
		uint64_t from, to; /* of `data` */
	} * ranges;
	size_t n, room;
};

#define STALE_INIT ((struct stale){ 0 })
#define AUTO_STALE CLEANUP(stale_release)

int stale_note(struct stale *s, uint64_t data_off, uint64_t len, struct err *e);
void stale_release(struct stale *s);

/* The kernel asks anew for what is noted.  *n_kept: of how many files it did not
 * forget all, because a program has them mapped: that one goes on with what it
 * has.  Blocks while one of them is read. */
int stale_drop(
    struct stale *s, struct showings *all, unsigned *n_kept, struct err *e);

#endif
