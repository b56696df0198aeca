/* One request, done by a child process of its own (supervisor/mounter.h): its
 * answer comes over a socket and is read when that is readable.  The child ends
 * with the supervisor, and holds nothing of what that holds.
 */
#ifndef SUPERVISOR_JOB_H
#define SUPERVISOR_JOB_H

#include <sys/types.h>

#include "supervisor/message.h"
#include "base/awake.h"
#include "base/list.h"

struct err;
struct mounter;

struct job {
	struct list link;
	pid_t pid;           /* 0: waited for */
	int sock;            /* -1: abandoned, it answers nobody any more */
	unsigned patience_s; /* supervisor/late.h; 0: however long it takes */
	struct awake awake;
	uint64_t late_at_ns; /* of `awake`; 0: never, or it was given up */
	uint64_t life;       /* the worker's that asked */
	bool died;           /* without an answer */
	int spare[2]; /* so that there is room for what it answers and for
			  what is held of that; -1 */
	struct message request;
};

struct job *job_start(const struct mounter *m, const struct message *request,
    const int *fds, unsigned n_fds, struct err *e);

/* The answer, to be called when `sock` is readable; EIO where the child died
 * without one.  The descriptors are the caller's. */
void job_result(struct job *j, struct message *answer, int fds[MESSAGE_FDS_MAX],
    unsigned *n_fds);
void job_free(struct job *j);
/* Unless its child was waited for already. */
void job_kill(struct job *j);
/* Kills it, and hears no answer; freed once its child was waited for. */
void job_abandon(struct job *j);

#endif
