/* The supervisor: a tiny root process beside the worker.  It mounts, holds
 * every descriptor that must outlive the worker, and starts the worker again
 * within 100 ms of its death.  It parses nothing from outside: fixed messages
 * from the worker (supervisor/message.h), nothing else.
 *
 *	started -> worker running <-> worker dead -> ... -> SIGTERM -> ended
 *
 * Killed, it takes the worker with it; what the worker gave it to hold is with
 * systemd (supervisor/keep.h), and the next supervisor starts with that.
 *
 * SIGTERM and SIGINT end it: the worker gets SIGTERM and 5 s, then what was
 * mounted is unmounted.  SIGHUP: reload.h.  A worker that dies within 1 s of
 * its start is started again with back-off up to 5 s.  A worker that exits with
 * 0 ends the supervisor, too; so does one that exits before it or another has
 * been ready (a bad configuration, a store in use), unless an earlier
 * supervisor's mounts wait for a worker.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <sys/types.h>

struct err;

struct supervisor_options {
	const char *root; /* the store; made, and given to the worker's user */
	const char *run;  /* sockets and mount points */
	const char *user; /* the worker's user when root; NULL: "layerfs", or
			     "nobody" with a warning where there is none */
	const char *config; /* opened and held as "config", unread; or NULL */
	bool with_metrics;  /* RUN/metrics.sock, held as "metrics" */
	/* Paths that the worker may ask for, unread; NULL ends; or
	 * NULL. */
	char *const *login_files;
	const char *containerd; /* its socket, which the worker may have
				   connected to; "" or NULL for none */
	const char *program; /* what it becomes on SIGHUP, with worker_argv */
	/* The worker: execs this file with these arguments, plus
	 * "--worker-fd=3". */
	const char *worker_path;
	char *const *worker_argv;
};

/* Opens RUN's sockets (or takes systemd's, LISTEN_FDS) and holds them as
 * "control" and, where root, "snapshotter" and "cri"; holds ROOT as "root", and
 * its file "secrets"; and runs until it is told to end.  Only one may run on a
 * RUN, and where root on a ROOT: EBUSY.  Returns 0 after an orderly end. */
int supervisor_run(const struct supervisor_options *o, struct err *e);

#endif
