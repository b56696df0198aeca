/* How lately each part of `data` was read or written: a stamp for every 256
 * KiB. Private to store/.
 *
 * The stamp is a coarse clock that ticks as data comes in (heat_wrote) and, by
 * heat_tick(), as time passes.  It starts anew with the process: what was not
 * touched since then is the coldest.  Memory is taken as addresses are touched,
 * 2 bytes a unit: 8 KiB for a GiB.
 *
 * Touching is a relaxed store that is left out where it would change nothing;
 * any thread may.  heat_age() may be off by a tick; nobody is hurt by that.
 */
#ifndef STORE_HEAT_H
#define STORE_HEAT_H

#include <stdatomic.h>
#include <stdint.h>

#include "store/range.h"

struct err;

enum {
	HEAT_UNIT_BLOCKS = 64,
	HEAT_NEVER = UINT16_MAX, /* the age of what was not touched */
};

struct heat {
	_Atomic uint16_t *stamps;
	_Atomic uint16_t now; /* from 1: stamp 0 is "never" */
	_Atomic uint64_t wrote_bytes;
	_Atomic uint64_t tick_bytes; /* a tick each time so many came in */
};

int heat_init(struct heat *h, struct err *e);
/* Also after a failed heat_init(). */
void heat_release(struct heat *h);

void heat_touch(struct heat *h, struct range blocks);
void heat_wrote(struct heat *h, uint64_t bytes);
void heat_tick(struct heat *h);

/* In ticks, that of the youngest unit which the blocks fill, or where they fill
 * none, touch. */
uint16_t heat_age(const struct heat *h, struct range blocks);

#endif
