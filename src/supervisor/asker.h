/* Asks the supervisor over the worker's end of the socketpair, and waits for the
 * answer: any thread, several at once.  Each waits for its own answer only, and
 * one of those who wait receives for all.  What may take minutes, a tree that is
 * removed or measured, has a lane of its own and holds up nothing else.
 *
 *	asker_init -> any number of questions -> asker_release, none open
 *
 * Once the supervisor is gone every question fails with what was seen of it.
 */
#ifndef SUPERVISOR_ASKER_H
#define SUPERVISOR_ASKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/lock.h"

struct message;

/* Those that may be open at once. */
struct lane {
	unsigned n, max;
};

struct asker {
	int sock; /* the owner's, who closes it */

	struct lock lock; /* guards what is below */
	struct cond changed;
	struct list askings;
	struct lane instant, quick, slow, answered, logins;
	uint64_t last_ticket;
	bool is_receiving;  /* one of those who wait reads for all */
	struct err failure; /* code 0: the supervisor answers */
};

void asker_init(struct asker *a, int sock);
void asker_release(struct asker *a);

/* Sends the request and waits for its answer, which replaces it.  *fd: the
 * answer's descriptor, the caller's, or -1.  The supervisor's own errors are
 * passed on; EPROTO: it makes no sense. */
int asker_ask(struct asker *a, struct message *m, const int *fds,
    unsigned n_fds, int *fd, struct err *e);

/* For answers without a descriptor. */
int asker_tell(struct asker *a, struct message *m, const int *fds,
    unsigned n_fds, struct err *e);

/* For those that must have one. */
int asker_ask_for_fd(
    struct asker *a, struct message *m, int *fd, struct err *e);

#endif
