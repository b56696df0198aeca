/* The worker's end of its socketpair with the supervisor: asks for mounts,
 * gives descriptors to keep.  Blocking; any thread, several at once: each waits
 * for its own answer only, and snapshots that are removed or measured, which
 * may take minutes, wait for each other but hold up nothing else.
 *
 * An id names a mount point RUN/m/ID: 1 to 32 lower-case hex digits.
 * RUN/store is a link to RUN/m/ID of AGENT_STORE_ID.
 */
#ifndef SUPERVISOR_AGENT_H
#define SUPERVISOR_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;
struct err;

#define AGENT_STORE_ID "0"

/* Where the kernel's EROFS finds contents, and what it is tried with: an index
 * with a file of this name, which holds this text. */
#define AGENT_DATA_ID "d"
#define AGENT_TRIAL_ID "e"
#define AGENT_TRIAL_DATA_ID "f"
#define AGENT_TRIAL_FILE "trial"
#define AGENT_TRIAL_TEXT "layerfs\n"

enum {
	AGENT_ID_MAX = 32,
	AGENT_NAME_MAX = 63,
	AGENT_PAYLOAD_MAX = 512,
	AGENT_LOWERS_MAX = 128,
	AGENT_PLACES_MAX = 512,
	AGENT_RANGES_MAX = 16,
	AGENT_FILES_MAX = 256,
};

/* The descriptor that the supervisor left in the worker; takes it. */
struct agent *agent_new(int fd, struct err *e);
void agent_free(struct agent *a);

/* To watch (no events: the hang-up is enough): when the supervisor is gone the
 * worker must end, its mounts have ended with the supervisor's descriptors. */
int agent_fd(const struct agent *a);

/* Says that this worker serves.  Before that its exit ends the supervisor too,
 * unless a worker before it had served. */
int agent_ready(struct agent *a, struct err *e);

/* ---- descriptors that outlive the worker ---- */

/* What the supervisor handed over at start, in the order in which it was first
 * held.  Takes the descriptor out: it is the caller's now (the supervisor keeps
 * its own until agent_drop).  False when there is none left. */
struct held {
	char name[AGENT_NAME_MAX + 1]; /* see supervisor.h; "fuse:ID",
					  "erofs:ID" */
	int fd;
	uint8_t payload[AGENT_PAYLOAD_MAX];
	size_t payload_len;
};
bool agent_next_held(struct agent *a, struct held *out);

/* A connection to one of RUN's gRPC sockets from before agent_ready(), to which
 * the supervisor has said an empty SETTINGS, and of which nothing was read
 * (supervisor/greeter.h): `name` is what it goes on being held as, the descriptor
 * is the caller's.  False when there is none left.  agent_next_held() shows it
 * before, with a payload: it is to be left alone. */
bool agent_next_greeted(struct agent *a, struct held *out);

/* The supervisor keeps a duplicate under this name; replaces. */
int agent_hold(struct agent *a, const char *name, int fd, const void *payload,
    size_t payload_len, struct err *e);
/* A connection of which nothing was read and to which nothing was said: held, and
 * told an empty SETTINGS, as who connects while no worker serves.  EPIPE: its peer is
 * gone; it is not held. */
int agent_hold_greeted(
    struct agent *a, const char *name, int fd, struct err *e);
int agent_drop(struct agent *a, const char *name, struct err *e);

/* ---- mounts ---- */

struct agent_fuse_options {
	const char *source; /* what /proc/mounts shows: "layerfs:python:gzip";
			       no comma, at most 200 bytes */
	const char *target; /* NULL: RUN/m/ID.  Else mounted there: only a
			       user's own daemon, which cannot clone mounts */
	uint32_t read_ahead_kb; /* of the bdi, where root may; 0: leave it */
	bool is_writable; /* requests that change something come, too; without
			     suid and dev; where root only */
};

/* Opens /dev/fuse, mounts (read only, suid, dev, default_permissions,
 * allow_other where allowed, max_read 1 MiB) and holds the descriptor as
 * "fuse:ID".  The caller owns *fuse_fd. */
int agent_mount_fuse(struct agent *a, const char *id,
    const struct agent_fuse_options *o, int *fuse_fd, struct err *e);

struct agent_erofs_options {
	const char *source; /* as in agent_fuse_options */
	const char *data;   /* a session's id: contents are RUN/m/DATA/ID */
	int index;          /* a regular file, open for reading */
	uint32_t read_ahead_kb;
	bool is_loop; /* by two loop devices */
};

/* Mounts an index with the kernel's EROFS, read only, and holds it as
 * "erofs:ID".  Opens the contents: who asks must answer that session meanwhile.
 * ENOTSUP in a user's own daemon; else the kernel's own. */
int agent_mount_erofs(struct agent *a, const char *id,
    const struct agent_erofs_options *o, struct err *e);

/* Mounts, reads AGENT_TRIAL_FILE, also through overlays, and unmounts. */
int agent_try_erofs(struct agent *a, const char *id,
    const struct agent_erofs_options *o, struct err *e);

/* The kernel reads these files of the EROFS mount RUN/m/ID anew (at most
 * AGENT_FILES_MAX), all but what programs have mapped: of *n_kept of them. */
int agent_drop_pages(struct agent *a, const char *id, const uint64_t *nids,
    size_t n, unsigned *n_kept, struct err *e);

struct agent_overlay_options {
	const char *const *lowers; /* ids, the top one first */
	size_t n_lowers;
	int upper; /* folder descriptor, or -1: a temporary one, removed with
		      the mount */
	int work;  /* beside upper, on the same file system; or -1 with it */
};
/* EINVAL explains what overlayfs wants of an upper layer. */
int agent_mount_overlay(struct agent *a, const char *id,
    const struct agent_overlay_options *o, struct err *e);

/* A detached copy of RUN/m/ID (open_tree), which move_mount() puts anywhere.
 * ENOTSUP in a user's own daemon. */
int agent_clone_mount(
    struct agent *a, const char *id, int *mount_fd, struct err *e);

/* Puts a copy of RUN/m/ID where a mount of `layerfs mount` was that died with an
 * earlier supervisor, with that one's options; before agent_ready().  Or, where that
 * was a copy of the overlay RUN/m/OVERLAY, of the same on top of RUN/m/ID with what
 * was written to it; else overlay is NULL.  With id NULL only asks.  ENOENT: no
 * such mount was lost there. */
int agent_attach(struct agent *a, const char *id, const char *overlay,
    const char *target, struct err *e);

/* Unmounts RUN/m/ID (or the target it was mounted on), lazily: open files go
 * on.  Drops "fuse:ID" and "erofs:ID".  Absent is fine. */
int agent_unmount(struct agent *a, const char *id, struct err *e);

/* The same of an EROFS mount.  *is_held_up: nobody has it any more, and it ends
 * when the reads that are under way have been answered: they are nobody's. */
int agent_unmount_erofs(
    struct agent *a, const char *id, bool *is_held_up, struct err *e);

/* ---- folders that containers write into (supervisor/snapshots.h) ----
 *
 * ROOT/snapshots/NUMBER/{fs,work}, seen as RUN/s/NUMBER: short, as 128 of them
 * must fit the one page of mount(2)'s options.  Not in a user's own daemon:
 * ENOTSUP. */

struct agent_snapshot_options {
	uint32_t uid, gid; /* of fs, 0755 */
	uint64_t like;     /* or as this snapshot's fs; 0: none */
	bool with_work;
};

/* EEXIST: who knows that it is nobody's may remove it.  ENOENT: there is none
 * that it could be like.  EINVAL: a user
 * namespace has no such uid or gid. */
int agent_make_snapshot(struct agent *a, uint64_t number,
    const struct agent_snapshot_options *o, struct err *e);

/* Everything in it; may take minutes.  Absent is fine. */
int agent_remove_snapshot(struct agent *a, uint64_t number, struct err *e);

/* What fs/ takes on disk, each inode once; may take minutes.  ENOENT. */
int agent_measure_snapshot(struct agent *a, uint64_t number, uint64_t *bytes,
    uint64_t *inodes, struct err *e);

/* ---- with the owners of a user namespace (supervisor/mapped.h) ---- */

/* As in /proc/PID/uid_map. */
struct agent_id_map {
	uint32_t n; /* 1 to AGENT_RANGES_MAX */
	struct agent_id_range {
		uint32_t inside, outside, count;
	} ranges[AGENT_RANGES_MAX];
};

struct agent_map {
	uint64_t number; /* the snapshot that is for */
	uint32_t place;  /* of its lower folders, from 0 */
	const char *id;  /* what is seen: the mount RUN/m/ID; or, NULL, */
	uint64_t lower;  /* RUN/s/LOWER/fs */
	struct agent_id_map uids, gids;
};

/* RUN/m/i/NUMBER/PLACE, read only, until all of the snapshot's are unmapped or
 * it is removed.  Asking again is fine.  EALREADY: the folder belongs to the
 * namespace's root as it is. ENOTSUP: the kernel lacks it.  EINVAL: no such
 * map. */
int agent_map_lower(struct agent *a, const struct agent_map *m, struct err *e);
/* None is fine. */
int agent_unmap_lowers(struct agent *a, uint64_t number, struct err *e);

/* ---- what only root may open ---- */

/* A copy of the n-th of the configuration's credential files, which only root may
 * be allowed to read.  ENOENT; ETIMEDOUT, EAGAIN: it lies where nobody answers. */
int agent_open_login(struct agent *a, unsigned n, int *fd, struct err *e);

/* Connects to the configuration's containerd, not blocking.  ENOENT: there is
 * none; ECONNREFUSED, EAGAIN: not now. */
int agent_connect_containerd(struct agent *a, int *fd, struct err *e);

/* The how-manieth worker of this supervisor this is, from 1. */
uint64_t agent_life(const struct agent *a);

/* Whether this supervisor can clone mounts and mount overlays: root, also of a
 * user namespace. */
bool agent_is_root(const struct agent *a);

#endif
