/* What the supervisor does by child processes, one a request: overlayfs looks
 * at its lower layers and EROFS opens its data, which are FUSE and answered by
 * the worker, and a
 * supervisor that waits for a worker could not start it again; and a snapshot
 * may have a million files to remove.
 *
 * mounter_run() is what the child does; its current folder is RUN/m, so mounts
 * are named by their ids and the options of 128 lower layers fit the one page
 * that mount(2) takes.
 */
#ifndef SUPERVISOR_MOUNTER_H
#define SUPERVISOR_MOUNTER_H

#include <stdbool.h>

struct err;
struct message;

struct mounter {
	bool is_root;    /* mount(2); else fusermount3 */
	bool in_user_ns; /* overlayfs keeps its marks in user.* there */
	int points;      /* RUN/m */
	/* Of ROOT (supervisor/rootdir.h); -1 when not root. */
	int uppers;
	int snapshots;
	bool takes_no_upper; /* overlayfs does not, of ROOT's file system */
};

/* Does a request, from FUSE on; it becomes its answer.  fds are the request's,
 * and *fd is what the answer carries (or -1).  An UNMOUNT of what was mounted
 * elsewhere has that target in body.fuse.target; one of EROFS has the number 1,
 * and keeps it where reads hold it up. */
int mounter_run(const struct mounter *m, struct message *q, const int *fds,
    unsigned n_fds, int *fd, struct err *e);

/* Unmounts everything below RUN/m and removes temporary uppers: what an earlier
 * life left, or what this one has.  The current folder is another then. */
void mounter_clean(const struct mounter *m);

#endif
