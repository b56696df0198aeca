/* Mounts made by the kernel's EROFS: the index is a file that the worker opened
 * (it holds no file contents), and the contents are read from a file on a FUSE
 * mount of ours, which the worker answers (mount/data_fs.h):
 *
 *	mount(index, RUN/m/ID, "erofs", "device=RUN/m/DATA/ID")
 *
 * Linux 6.12 mounts files as they are.  Older kernels say ENOTBLK and want
 * block devices: two loop devices then, which end with the mount
 * (LO_FLAGS_AUTOCLEAR).
 *
 * What EROFS parses was made and checked by the worker, which also answers a
 * FUSE mount's every question: it is trusted with no more than there.
 *
 * Opening the data waits for the worker.  For the supervisor's child processes
 * only; RUN/m is the current folder.
 */
#ifndef SUPERVISOR_EROFS_H
#define SUPERVISOR_EROFS_H

#include <stdbool.h>
#include <stdint.h>

struct err;

struct erofs_request {
	const char *id;     /* RUN/m/ID, which is there and empty */
	const char *source; /* what /proc/mounts shows */
	const char *data;   /* the id of the FUSE mount */
	int index;
	uint32_t read_ahead_kb; /* 0: leave it */
	bool is_loop;
	/* The newest bdi of EROFS's when one was mounted last, 0: not known;
	 * shared by all who mount.  NULL: they are listed each time. */
	_Atomic long *newest_bdi;
};

/* The code is mount(2)'s. */
int erofs_mount(const struct erofs_request *q, struct err *e);

/* Mounts, reads what AGENT_TRIAL_FILE holds, through an overlayfs on the mount
 * and one on that, and unmounts all of it.  Some kernels count EROFS as a level
 * of stacked file systems, and refuse the second overlayfs. */
int erofs_try(const struct erofs_request *q, struct err *e);

/* What a mount or a trial of RUN/m/ID leaves beside it when its process is killed.
 * Absent is fine. */
void erofs_clean(const char *id);

/* Unmounts RUN/m/ID, lazily.  The last who had it waits in the kernel until
 * every read that is under way has been answered, which nobody can interrupt,
 * and sync(2) waits with him: true when it does, after a moment.  A process of
 * its own does the waiting.  (Of an overlay the last waits for the disk that its
 * upper layer lies on.) */
bool erofs_unmount(const char *id);

#endif
