/* A source_read that several threads start, resume or cancel while another may
 * see its end: none of the calls is legal before source_read() or after on_done
 * has returned (registry/source.h).
 *
 *	if (guard_enter(&g)) {
 *		source_cancel(source, read);
 *		guard_leave(&g);
 *	}
 *
 * One call at a time.  guard_end(), first thing in on_done, waits until a call
 * of another thread has returned (they do not block, so this is short); a
 * source that gives on_done from within the call is let through.  The guard must
 * outlive guard_leave().
 */
#ifndef FETCH_GUARD_H
#define FETCH_GUARD_H

#include <stdbool.h>

#include "base/lock.h"

struct guard {
	struct lock lock; /* guards what follows */
	struct cond left;
	bool has_ended;
	bool is_calling;
	pthread_t caller;
};

/* Entered already, by the calling thread, which shall start the read. */
void guard_init(struct guard *g);
void guard_release(struct guard *g);

/* Waits for its turn.  False: the read has ended, or this very thread is in a
 * call further up its stack. */
bool guard_enter(struct guard *g);
void guard_leave(struct guard *g);
void guard_end(struct guard *g);

#endif
