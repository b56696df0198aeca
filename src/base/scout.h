/* A child process that goes where nobody may answer (NFS whose server is gone, FUSE
 * whose process hangs, a disk that is frozen): who looks a name up there waits in the
 * kernel, where at times not even SIGKILL ends that.  Whoever sent it waits no longer
 * than he likes, and ^C still ends him.
 *
 *	scout_send -> run(), in the child -> what it found, or its error
 *	           -> given up: killed; it ends in its own time, or never
 *
 * It has nothing of its sender's open, and ends with him.  For processes of one thread;
 * nobody waits for the child: who sends many waits for all of his children together.
 */
#ifndef BASE_SCOUT_H
#define BASE_SCOUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/awake.h"
#include "base/err.h"

enum { SCOUT_FDS = 2 };

#define SCOUT_NO_ANSWER                                                     \
	"the file system that it lies on does not answer: see whether its " \
	"server or disk is there"

/* How long those who do not answer are waited for, all together. */
struct grace {
	struct awake awake;
	uint64_t until_ns; /* of it */
	/* What is not to wait meanwhile is done several times a second; or NULL. */
	void (*meanwhile)(void *ctx);
	void *ctx;
};

/* From now on so long. */
void grace_begin(struct grace *g, uint64_t ms);

/* What it is to do: the first field of the sender's own struct, which comes back as the
 * child left it; what that points to does not. */
struct errand {
	int (*run)(struct errand *x, struct err *e);
	size_t size; /* of the whole struct */
	/* What the child has opened; the sender's when it is back. */
	int fds[SCOUT_FDS];
	unsigned n_fds;
	struct err failure; /* of run(); code 0: none */
};

/* Blocks for ten seconds at most, or with a grace for the time that is left of it, and
 * for a moment where none is.  ETIMEDOUT: nobody answers there. */
int scout_send(struct errand *x, struct err *e);
int scout_send_within(struct errand *x, struct grace *g, struct err *e);

#endif
