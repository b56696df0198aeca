/* What the supervisor does by child processes, one a request: overlayfs looks
 * at its lower layers and EROFS opens its data, which are FUSE and answered by
 * the worker, and a
 * supervisor that waits for a worker could not start it again; a snapshot
 * may have a million files to remove; and a login may lie where nobody answers.
 *
 * mounter_run() is what the child does; its current folder is RUN/m, so mounts
 * are named by their ids and the options of 128 lower layers fit the one page
 * that mount(2) takes.
 */
#ifndef SUPERVISOR_MOUNTER_H
#define SUPERVISOR_MOUNTER_H

#include <stdbool.h>

struct err;
struct list;
struct message;

struct mounter {
	bool is_root;    /* mount(2); else fusermount3 */
	bool in_user_ns; /* overlayfs keeps its marks in user.* there */
	int points;      /* RUN/m */
	/* Of ROOT (supervisor/rootdir.h); -1 when not root. */
	int uppers;
	int snapshots;
	bool puts_aside; /* temporary uppers are not removed at once; upper.h */
	bool takes_no_upper; /* overlayfs does not, of ROOT's file system */
	char *const *login_files; /* supervisor/supervisor.h */
	_Atomic long *newest_bdi; /* supervisor/erofs.h; or NULL */
	struct list *lost;        /* supervisor/lost.h */
};

/* Does a request, from FUSE on, or LOGIN; it becomes its answer.  fds are the request's,
 * and *fd is what the answer carries (or -1).  An UNMOUNT of what was mounted
 * elsewhere has that target in body.fuse.target; one of EROFS has the number 1,
 * and keeps it where reads hold it up. */
int mounter_run(const struct mounter *m, struct message *q, const int *fds,
    unsigned n_fds, int *fd, struct err *e);

/* ROOT/upper/ID, unless a mount that was lost is to be made again with it. */
int mounter_remove_upper(
    const struct mounter *m, const char *id, struct err *e);

/* Unmounts everything below RUN/m and removes temporary uppers: what an earlier
 * life left, or what this one has.  The current folder is another then. */
void mounter_clean(const struct mounter *m);

#endif
