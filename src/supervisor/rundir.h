/* RUN: the folder with the control socket and the mount points.
 *
 *	RUN/lock          held (flock) while a supervisor lives
 *	RUN/control.sock  0600
 *	RUN/m/ID          mount points; 0711: reachable, not listed
 */
#ifndef SUPERVISOR_RUNDIR_H
#define SUPERVISOR_RUNDIR_H

struct err;

struct rundir {
	int dir;
	int lock;
	int points;  /* RUN/m */
	int control; /* listening; RUN/control.sock or systemd's */
};

#define RUNDIR_NONE ((struct rundir){ -1, -1, -1, -1 })

/* EBUSY when another supervisor has it.  On failure nothing stays open. */
int rundir_open(struct rundir *r, const char *run, struct err *e);
void rundir_close(struct rundir *r);

#endif
