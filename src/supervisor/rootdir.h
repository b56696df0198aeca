/* ROOT: the store's folder.  It belongs to the worker's user; what is in it for
 * the supervisor alone belongs to root, opened once and never again by name: a
 * worker that was taken over must not lead the supervisor astray with a link.
 *
 *	ROOT/upper      0700  temporary upper layers; where others are
 *	ROOT/snapshots  0700  what containers write (supervisor/snapshots.h)
 *	ROOT/secrets    0600  credentials (daemon/secrets.h): opened here, read
 *	                      and written by the worker only
 *
 * A user's own daemon has the last only.
 */
#ifndef SUPERVISOR_ROOTDIR_H
#define SUPERVISOR_ROOTDIR_H

struct account;
struct err;
struct supervisor_options;

struct rootdir {
	int dir;
	/* -1 when not root: */
	int lock; /* ROOT/upper, held (flock) while a supervisor lives */
	int uppers;
	int snapshots;

	int secrets;
};

#define ROOTDIR_NONE ((struct rootdir){ -1, -1, -1, -1, -1 })

/* Decides who the worker is, too (supervisor/drop.h).  EBUSY when another
 * supervisor has it; EACCES where what is root's own is somebody else's. On
 * failure nothing stays open. */
int rootdir_open(struct rootdir *r, struct account *a,
    const struct supervisor_options *o, struct err *e);
void rootdir_close(struct rootdir *r);

#endif
