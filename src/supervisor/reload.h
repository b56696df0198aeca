/* SIGHUP: the supervisor becomes the binary that lies at its path now, which
 * reads the configuration as it is now, and so does its worker.  Mounts,
 * sockets and connections go on: every descriptor is passed on
 * (supervisor/keep.h).
 *
 *	none -> checking   `PROGRAM ... --check` runs, 10 s at most
 *	     -> draining   the worker ends in order; no other is started
 *	     -> exec       once no mount is being made
 *
 * Whatever fails is logged, and everything goes on as it was: a program that is
 * missing, cannot start or finds its configuration wrong fails the check, and
 * after an exec that fails the old worker program is started again.  So does one that
 * the machine holds up for ten seconds: nothing is lost but the SIGHUP.
 */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

#include <stdbool.h>
#include <sys/types.h>

struct supervisor;

struct reload {
	enum { RELOAD_NONE, RELOAD_CHECKING, RELOAD_DRAINING } state;
	pid_t checker;
};

/* One that is under way already goes on. */
void reload_begin(struct supervisor *s);

/* A child was waited for: true when it was the checker. */
bool reload_note_end(struct supervisor *s, pid_t pid, int status);

/* A worker that ends now was told to, and none is to be started. */
bool reload_is_draining(const struct supervisor *s);

/* Whenever something happened: once the worker is gone, this process becomes
 * the new program. */
void reload_try_exec(struct supervisor *s);

#endif
