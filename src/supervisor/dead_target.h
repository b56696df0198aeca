/* Targets of mounts that died, reached by their paths, which may lead where nobody
 * answers.
 *
 *	the kernel knows each name,    here, at once (RESOLVE_CACHED, Linux 5.12)
 *	as of a local file system
 *	else                           by a child process (base/scout.h)
 */
#ifndef SUPERVISOR_DEAD_TARGET_H
#define SUPERVISOR_DEAD_TARGET_H

struct err;
struct grace;

/* Its O_PATH descriptor, through no link.  Blocks for the time that is left, and for a
 * moment where none is.  ETIMEDOUT: nobody answers there. */
int dead_target_open(const char *target, struct grace *g, struct err *e);

/* Takes the mount with this number in /proc/self/mountinfo away from there, lazily.
 * EBUSY: another one lies over it. */
int dead_target_unmount(
    const char *target, int mount, struct grace *g, struct err *e);

#endif
