/* One read of a source in a request slot: what a run and a replay have in
 * common.  Embedded as their first member.
 *
 *	transfer_init()   fetch thread, lock held: takes the slot
 *	transfer_start()  fetch thread, lock not held
 *	on_done           transfer_stop(), then with the lock transfer_end():
 *	                  gives the slot back
 *	transfers_bury()  fetch thread, lock not held: frees what has ended, so
 *	                  that no source is let go of inside its own callback
 */
#ifndef FETCH_TRANSFER_H
#define FETCH_TRANSFER_H

#include <stdbool.h>

#include "fetch/guard.h"
#include "fetch/link.h"
#include "registry/source.h"
#include "base/list.h"

struct blob;
struct fetcher;

struct transfer {
	struct source_read read;
	struct guard guard;
	struct blob *blob;
	struct source *source;
	unsigned origin;
	bool is_trial; /* it finds out whether its host sends several ranges */
	uint64_t got;  /* bytes; transfer_note_bytes() counts */
	struct link *peer;
	struct link_times times; /* the source's callbacks' until its end */
	void (*free)(struct transfer *t);

	/* guarded by fetcher->lock */
	struct list link; /* fetcher.transfers, then fetcher.ended */
	unsigned holds;
	bool is_cancelled;
};

/* `read` has its callbacks, off and len. */
void transfer_init(struct transfer *t, struct blob *b, unsigned origin,
    enum source_priority priority);
/* The same of a read that runs already, with a source and a guard: from here on
 * the blob's closing cancels it. */
void transfer_adopt(struct transfer *t, struct blob *b, unsigned origin);
void transfer_start(struct transfer *t);

/* In on_bytes: so many came.  Lock not held. */
void transfer_note_bytes(struct transfer *t, size_t n);

/* Any thread that holds it, lock not held. */
void transfer_resume(struct transfer *t);

/* Nobody resumes or cancels from here on; lock not held. */
void transfer_stop(struct transfer *t);
void transfer_end(struct transfer *t, const struct err *failure);

/* Lock held.  It is not buried while held. */
void transfer_hold(struct transfer *t);
void transfer_drop(struct transfer *t);

/* blob may be NULL: of one that never had any. */
void transfers_bury(struct fetcher *f);

/* Cancels those of closed blobs, or all when the fetcher closes; lock not
 * held. */
void transfers_cancel(struct fetcher *f);

#endif
