/* Targets of mounts that died, reached by their paths.  What a path leads through may
 * be a file system that never answers (NFS whose server is gone, FUSE whose process
 * hangs): who looks a name up there waits in the kernel, where at times not even
 * SIGKILL ends that.
 *
 *	the kernel knows each name,    here, at once (RESOLVE_CACHED, Linux 5.12)
 *	as of a local file system
 *	else                           by a child process, which is given up when the
 *	                               time is over
 */
#ifndef SUPERVISOR_DEAD_TARGET_H
#define SUPERVISOR_DEAD_TARGET_H

#include <stdint.h>

struct err;

/* Its O_PATH descriptor, through no link.  Blocks until until_ns at most, and a moment
 * where that is over.  ETIMEDOUT: nobody answers there. */
int dead_target_open(const char *target, uint64_t until_ns, struct err *e);

/* Takes the mount with this number in /proc/self/mountinfo away from there, lazily.
 * EBUSY: another one lies over it. */
int dead_target_unmount(
    const char *target, int mount, uint64_t until_ns, struct err *e);

#endif
