/* The worker's process: started, ended, started again.
 *
 *	none (pid 0) -> running -> worker_note_end -> none until start_at_ns
 */
#ifndef SUPERVISOR_WORKER_H
#define SUPERVISOR_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/awake.h"

struct account;
struct supervisor_options;

struct worker {
	pid_t pid;       /* 0: none runs */
	int sock;        /* ours; -1: none, or hung up on */
	bool is_serving; /* said READY, was not told to end, and as far as is
			    known is not dying */
	uint64_t life;   /* counts starts */
	uint64_t started_ns;
	uint64_t start_at_ns; /* when to start the next */
	uint64_t delay_ms;    /* back-off of workers that die young */
	struct awake awake;
	uint64_t late_at_ns; /* of it: it shall be gone by then; 0: not */
	int64_t oom_before;  /* oom_count() at its start */
	int spare;           /* so that there is room for the next one's socket
				 where descriptors have run out; -1 */
	unsigned n_refused;  /* messages with what nobody takes */
};

/* Failure is logged and tried again later. */
void worker_start(struct worker *w, const struct supervisor_options *o,
    const struct account *a);

/* It was killed, or ends, and will do nothing any more; it may be long before it can
 * be waited for.  False where /proc does not say. */
bool worker_is_dying(const struct worker *w);

/* No worker: nothing. */
void worker_kill(const struct worker *w, int sig);
void worker_hang_up(struct worker *w);

/* It is about to end, by itself or because it was told to, and has five seconds for
 * that, in which the machine does not stand still. */
void worker_expect_end(struct worker *w);
/* When to look whether it is late (monotonic); UINT64_MAX: it cannot be. */
uint64_t worker_next_ns(const struct worker *w);
/* Kills one that is late.  In the kernel it may hang for longer: it has as long again. */
void worker_kill_late(struct worker *w);

/* It was waited for; plans the next start. */
void worker_note_end(struct worker *w, int status, bool is_unwanted);

#endif
