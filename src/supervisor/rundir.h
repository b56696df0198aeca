/* RUN: the folder with the sockets and the mount points.
 *
 *	RUN/lock          held (flock) while a supervisor lives
 *	RUN/held          0700: of held descriptors (supervisor/note.h)
 *	RUN/control.sock, RUN/metrics.sock   0600
 *	RUN/snapshotter.sock, RUN/cri.sock   the same; where root only
 *	RUN/m/ID          mount points; 0711: reachable, not listed
 *	RUN/m/i/NUMBER/PLACE   0700: lower folders with other owners (mapped.h)
 *	RUN/s             ROOT/snapshots, bound: short
 *	RUN/store         a link to the layer store's mount point; an empty
 *	                  folder while no supervisor runs
 *
 * Where root, RUN/m is a small file system of its own and a shared mount, so
 * that what is mounted there later is seen in mount namespaces made before
 * (podman's pause process, kubelet's containers), also where / is private.  A
 * new mount has a peer group to itself; a bind of RUN/m would join the group of
 * the mount that RUN lies on, and everything would be mounted twice.
 *
 * RUN/s is a bind mount, not a link: ROOT is the worker's, who could put
 * another folder in the place of ROOT/snapshots, and root mounts what RUN/s
 * leads to.
 */
#ifndef SUPERVISOR_RUNDIR_H
#define SUPERVISOR_RUNDIR_H

#include <stdbool.h>

struct activation;
struct err;

struct rundir {
	int dir;
	int lock;
	int points;           /* RUN/m */
	int control;          /* listening; RUN/control.sock or systemd's */
	int snapshotter, cri; /* the same; -1 when not root */
	int metrics;          /* rundir_open_metrics(), else -1 */
};

#define RUNDIR_NONE ((struct rundir){ -1, -1, -1, -1, -1, -1, -1 })

/* EBUSY when another supervisor has it.  Takes its sockets from what was given
 * at start, and makes those that were not.  What an earlier supervisor left
 * mounted is still there.  On failure nothing stays open. */
int rundir_open(struct rundir *r, const char *run, bool is_root,
    struct activation *given, struct err *e);
void rundir_close(struct rundir *r);

/* RUN/metrics.sock, too. */
int rundir_open_metrics(struct rundir *r, struct err *e);

/* Root only.  A RUN/m that an earlier supervisor left goes on being used, for
 * the sake of those who have it already; `points` is another descriptor then.
 */
int rundir_mount(struct rundir *r, int snapshots, struct err *e);
/* Takes them away with all that is below. */
void rundir_unmount(const struct rundir *r);

#endif
