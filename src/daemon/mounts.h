/* What is mounted.  Two nouns:
 *
 * A *showing* is a view made visible once, at RUN/m/ID: ID follows from image
 * and layer, so that everyone who mounts the same thing shares one superblock
 * and its page cache.  An *attachment* is one place where somebody sees it: a
 * target of `layerfs mount`, by a detached copy of the showing or of an
 * overlayfs on top of it.  The last attachment's end unmounts the showing.
 *
 *	showing:    making -> shown -> (last attachment ends) gone
 *	attachment: pending (the client has the detached mount) -> attached
 *	            -> gone
 *
 * A user's own daemon cannot copy mounts: there each attachment is a showing of
 * its own, mounted on the target at once.  One that declares what its reads do
 * while no registry answers is a showing of its own everywhere: who shares a mount
 * shares its patience.
 *
 * Attachments are noted in state.db; after a restart of the worker the held
 * FUSE descriptors are served again, and after one of the supervisor that
 * nobody held them for mounts are made again on their targets.  A target that
 * was unmounted by hand is noticed in /proc/self/mountinfo.
 *
 * Any thread; the calls block on the supervisor.
 */
#ifndef DAEMON_MOUNTS_H
#define DAEMON_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

struct daemon;
struct doc;
struct err;
struct image;
struct image_resolution;
struct mounts;

struct mounts *mounts_new(struct daemon *d, struct err *e);
/* Stops watching; what is mounted stays. */
void mounts_free(struct mounts *m);

/* Takes up what an earlier worker left; drops what is not there any more. After
 * showings_add_held(), before showings_drop_unclaimed(). */
int mounts_restore(struct mounts *m, struct err *e);
/* Then, once mounts are served: mounts again what died with an earlier supervisor,
 * on the targets where that had left it.  What cannot be is logged and dropped. */
void mounts_remake(struct mounts *m);

struct mount_request {
	struct image *image; /* borrowed */
	int layer;           /* or IMAGE_MERGED */
	const char *target;  /* absolute */
	bool is_rw;
	int upper, work;      /* -1: a temporary upper layer; borrowed */
	bool has_patience;    /* else as the configuration says */
	uint32_t patience_ms; /* base/patience.h */
	const struct image_resolution *resolution; /* of the reference */
};

struct mount_reply {
	char id[40];      /* the attachment's */
	const char *kind; /* "erofs" */
	int fd;           /* the detached mount, the caller's; -1: mounted on
			     the target already */
};

int mounts_add(struct mounts *m, const struct mount_request *q,
    struct mount_reply *out, struct err *e);

/* The client has put it in place.  ENOENT. */
int mounts_confirm(struct mounts *m, const char *id, struct err *e);

/* Undoes soon an attachment that was never confirmed; never blocks. */
void mounts_undo(struct mounts *m, const char *id);

/* Forgets an attachment, by id or target (the last mounted there); NULL for the
 * other.  *fields gets id and target. */
int mounts_remove(struct mounts *m, const char *id, const char *target,
    struct doc *fields, struct err *e);

bool mounts_use_image(struct mounts *m, const struct digest *image);

/* An object a mount, as the control protocol's `ls` has it. */
struct doc *mounts_list(struct mounts *m);
/* The targets of a showing, by its id: an array. */
struct doc *mounts_targets(struct mounts *m, const char *showing);
unsigned mounts_count(struct mounts *m);

#endif
