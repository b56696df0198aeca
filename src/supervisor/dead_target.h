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

/* How long those who do not answer are waited for, all together. */
struct grace {
	uint64_t until_ns;
	/* What is not to wait meanwhile is done several times a second; or NULL. */
	void (*meanwhile)(void *ctx);
	void *ctx;
};

/* Its O_PATH descriptor, through no link.  Blocks for the time that is left, and for a
 * moment where none is.  ETIMEDOUT: nobody answers there. */
int dead_target_open(const char *target, const struct grace *g, struct err *e);

/* Takes the mount with this number in /proc/self/mountinfo away from there, lazily.
 * EBUSY: another one lies over it. */
int dead_target_unmount(
    const char *target, int mount, const struct grace *g, struct err *e);

#endif
