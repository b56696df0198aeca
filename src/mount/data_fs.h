/* The contents that mounts of the kernel's EROFS read: one FUSE session for all
 * of them, RUN/m/d, whose root folder has a file for each mount, named by the
 * mount's id.  Each shows positions of the store's `data`; only its name says
 * which image, layer and credentials a read is for.
 *
 * Reads come as they were asked for (FOPEN_DIRECT_IO): no second page cache,
 * and no readahead into a neighbour's bytes, which nobody may want and which
 * would have to be fetched.  EROFS's readahead stays in the file, its requests
 * are asynchronous (FUSE_CAP_ASYNC_DIO).  Measured on 48,000 files, 870 MB, all
 * local: cold tar 1.2 times of a session with pages and 128 KiB of readahead,
 * 0.65 of the tree on ext4; find, random 4 KiB and sequential reads the same.
 *
 * A file's node id is its name: a worker that starts again knows what the
 * kernel asks for.  A file is known as long as its owner has it, or the kernel
 * has it open: a mount that is gone may still be seen somewhere.
 *
 *	data_fs_add -> [mounted] -> data_fs_remove -> the kernel's last RELEASE
 */
#ifndef MOUNT_DATA_FS_H
#define MOUNT_DATA_FS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hmap.h"
#include "base/lock.h"

struct data_file;
struct err;
struct held;
struct mount;
struct mount_kind;
struct mount_server;
struct session;
struct view;

struct data_fs {
	struct lock lock; /* RANK_LEAF; guards what follows */
	struct cond changed;
	struct hmap files;
	struct session *session;
	enum {
		DATA_FS_WAITS,
		DATA_FS_BEGUN,
		DATA_FS_MAKING,
		DATA_FS_UNMAKING,
		DATA_FS_ENDED
	} state;
};

void data_fs_init(struct data_fs *f);
/* Every file has been removed or forgotten. */
void data_fs_release(struct data_fs *f);

/* Goes on with the session of an earlier worker; NULL: there is none, and one
 * is mounted when it is needed. */
int data_fs_begin(struct mount_server *s, struct held *h, struct err *e);
/* Wakes who waits for that.  No file is asked for any more. */
void data_fs_end(struct mount_server *s);

/* Waits for data_fs_begin(), and mounts RUN/m/d unless it is there. */
int data_fs_prepare(struct mount_server *s, struct err *e);

struct fuse_lowlevel_ops;
extern const struct fuse_lowlevel_ops data_fs_ops;

/* A session of its own on RUN/m/f, for as long as EROFS is tried: the other may
 * have to wait for mounts of an earlier worker. */
struct session *data_fs_mount_trial(struct mount_server *s, struct err *e);

/* A file for the mount `id`, or the one that the kernel still has of it.  View
 * NULL: it holds AGENT_TRIAL_TEXT.  is_open: by an earlier worker's mount.
 * EINVAL where the id cannot be a node's, EEXIST where it has an owner. */
struct mount *data_fs_add(struct mount_server *s, const struct mount_kind *kind,
    const char *id, struct view *v, bool is_open, struct err *e);
/* Its owner's reference ends. */
void data_fs_remove(struct mount *m);

#endif
