/* The worker's last wall: it parses what registries and images say, so it is
 * taken for granted that somebody will run code in it one day.  By then it has
 * no rights (supervisor/drop.h); here it loses most of the kernel.
 *
 *	what it does                allowed (a list, sandbox_calls.c)
 *	what only an attacker does  the process ends: the supervisor logs it,
 *	                            and starts the next worker
 *	anything else               ENOSYS
 *
 * Why not end it for anything else: the C library and whatever it loads try new
 * calls first, and go on without them where the kernel is older: that is what
 * ENOSYS looks like.  A list that a new libc makes incomplete would otherwise
 * stop every mount of the machine.
 *
 * Programs that the worker starts (credential helpers) inherit all of it.
 */
#ifndef SUPERVISOR_SANDBOX_H
#define SUPERVISOR_SANDBOX_H

struct err;

/* No core, and no other process looks into this one (prctl(2): PR_SET_DUMPABLE)
 * though it is of the same user: its memory holds credentials. */
int sandbox_hide(struct err *e);

/* All threads, for ever.  After sandbox_hide(); no_new_privs is set.  ENOTSUP:
 * the build has no libseccomp or the kernel no filters. */
int sandbox_enter(struct err *e);

#endif
