/* Which files could not be read lately, so that a file's failure is logged once
 * a minute and not once a page; and so that the kernel, which asks again page
 * by page after a failed readahead, does not wait the whole patience each time.
 * Remembers the last few; any thread.
 */
#ifndef MOUNT_FAILURE_H
#define MOUNT_FAILURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"

enum { FAILURES_KEPT = 32 };

struct failures {
	struct lock lock; /* RANK_LEAF */
	unsigned next;
	struct failure {
		uint64_t nid; /* 0: none */
		uint64_t failed_ns;
		uint64_t logged_ns;
	} kept[FAILURES_KEPT];
};

void failures_init(struct failures *f);
void failures_release(struct failures *f);

/* It failed now.  True when that is worth a line in the log. */
bool failures_note(struct failures *f, uint64_t nid, uint64_t now_ns);

/* Whether it failed within the last `within_ns`. */
bool failures_is_recent(
    struct failures *f, uint64_t nid, uint64_t now_ns, uint64_t within_ns);

/* It could be read again. */
void failures_forget(struct failures *f, uint64_t nid);

#endif
