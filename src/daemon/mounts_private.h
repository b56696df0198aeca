/* What mounts.c and restore.c share of the mounts. */
#ifndef DAEMON_MOUNTS_PRIVATE_H
#define DAEMON_MOUNTS_PRIVATE_H

#include "daemon/attachment.h"
#include "daemon/mount_id.h"
#include "daemon/mounts.h"
#include "base/list.h"
#include "base/lock.h"

struct mountinfo;

struct mounts {
	struct daemon *daemon;
	struct mountinfo *mountinfo;
	struct list
	    lost; /* whose mount did not survive; the starting thread's */

	struct lock lock;        /* guards what follows */
	struct cond changed;     /* one was given back, or has ended */
	struct list attachments; /* the oldest first */
	struct list ending;      /* withdrawn, and not taken down yet */
	struct mount_ids ids;
};

/* The mounts' own from now on. */
void mounts_list_attachment(struct mounts *m, struct attachment *a);

/* By id, with the lock held. */
struct attachment *mounts_find(struct mounts *m, const char *id);

/* In state.db, with what holds its image. */
int mounts_note(struct mounts *m, const struct attachment *a, struct err *e);

/* Takes down what the attachment has, then frees it. */
void mounts_end_attachment(struct mounts *m, struct attachment *a);

/* Of a showing that nobody else shares; NULL: it is shared.  The attachment's own
 * id may be an overlay's. */
const char *mounts_own_id(const struct attachment *a, bool is_detachable,
    char id[ATTACHMENT_ID_SIZE]);

#endif
