/* The supervisor's state, for its own files: supervisor.c is its life,
 * requests.c what the worker asks for.  One thread. */
#ifndef SUPERVISOR_SUPERVISOR_PRIVATE_H
#define SUPERVISOR_SUPERVISOR_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/activation.h"
#include "supervisor/drop.h"
#include "supervisor/greeter.h"
#include "supervisor/keep.h"
#include "supervisor/mounter.h"
#include "supervisor/reload.h"
#include "supervisor/rootdir.h"
#include "supervisor/rundir.h"
#include "supervisor/supervisor.h"
#include "supervisor/worker.h"
#include "base/list.h"

struct job;

enum { SUPERVISOR_JOBS_MAX = 64 };

struct supervisor {
	const struct supervisor_options *options;
	struct activation given; /* what nobody took of it yet */
	struct rootdir root;
	struct rundir run;
	struct account account;
	struct mounter mounter;
	int signals;
	struct keep keep;
	struct list lost; /* supervisor/lost.h */
	bool has_waited;  /* for what was lost, in vain: supervisor/late.h */
	struct list jobs;
	unsigned n_jobs;

	struct worker worker;
	bool was_ready; /* some life of the worker was, or an earlier
			   supervisor's */

	struct greeter greeter;
	struct reload reload;
	bool is_ending;
	int ended_with; /* the first worker's exit status */
};

/* Whatever the worker had asked for and has had no answer to. */
void supervisor_kill_jobs(struct supervisor *s);

/* ---- requests.c ---- */

/* Reads one request of the worker's and answers it, or starts a job that will.
 */
void supervisor_on_request(struct supervisor *s);

/* Begins to remove what earlier supervisors put aside, and this one at its start. */
void supervisor_sweep(struct supervisor *s);

/* Begins to unmount RUN/m/ID, which is nobody's. */
void supervisor_take_away(struct supervisor *s, const char *id);

/* The worker that asked for them is dead. */
void supervisor_kill_orphans(struct supervisor *s);

/* The job's answer is there to be read. */
void supervisor_on_job_end(struct supervisor *s, struct job *j);

#endif
