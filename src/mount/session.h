/* One FUSE mount as the daemon sees it: a libfuse session over the descriptor
 * that the supervisor gave, answered from a view (fuse_ops.c) or by an owner
 * (path_fs.c).
 *
 *	new -> [replay saved INIT] -> served -> the kernel ended it -> free
 *
 * libfuse is used as a codec: we read requests ourselves (non-blocking, any
 * thread) and hand them to it.  Nothing depends on the order of requests, and
 * node ids mean the same in every life of the worker: a session has no state
 * but INIT's.
 *
 * References (the mount's): the owner, the server's table, each thread that
 * serves, each parked read, each file of a data_fs.
 */
#ifndef MOUNT_SESSION_H
#define MOUNT_SESSION_H

#define FUSE_USE_VERSION 314

#include <stdatomic.h>
#include <stdint.h>

#include <fuse_lowlevel.h>

#include "mount/server.h"

struct session {
	struct mount mount;
	void *owner;
	struct fuse_session *fuse; /* owns fd */
	int fd;
	_Atomic uint64_t idmap_init; /* the INIT whose answer, while it is being
					made, is to allow idmapped mounts; 0 */
	struct hnode node; /* in server->sessions by serial; server->lock */
	uint64_t serial;
	bool is_listed;
};

/* Who answers. */
struct session_face {
	const struct fuse_lowlevel_ops *ops;
	struct view *view; /* referenced */
	void *owner;       /* outlives the server */
};

/* Takes fd on success, references view and server.  One reference. */
struct session *session_new(struct mount_server *s, const char *id,
    const struct session_face *face, int fd, struct err *e);
struct session *session_ref(struct session *x);
void session_unref(struct session *x);

/* Mounts, and serves from now on: INIT is answered when it returns. */
struct session *session_mount(struct mount_server *s, const char *id,
    const struct session_face *face, const struct agent_fuse_options *o,
    struct err *e);
/* Goes on with a held "fuse:ID"; takes its descriptor on success. */
struct session *session_resume(struct mount_server *s, const char *id,
    const struct session_face *face, struct held *h, struct err *e);

/* Lazily: who has files open goes on reading them, so it is served until the
 * kernel ends it.  Drops the reference. */
void session_unmount(struct session *x);

/* Answers requests until there are none.  False when the kernel has ended the
 * connection. */
bool session_serve(struct session *x, uint8_t *buffer, size_t size);
enum { SESSION_BUFFER = (1 << 20) + 4096 };

/* What every session's init has to say, as it was mounted with it. */
enum { SESSION_MAX_READ = 1 << 20 };

/* init.c: INIT is the one request that a later life of the worker cannot ask
 * for again, so the supervisor keeps it. */
void init_choose(struct fuse_conn_info *c);
void init_save(struct session *x, const void *request, size_t n);
void init_process(struct session *x, void *request, size_t n);
/* Adds to INIT's answer what libfuse does not know; other answers stay. */
void init_amend(struct session *x, const struct iovec *v, int n);
void init_replay(struct session *x, const void *request, size_t n);

/* fuse_ops.c */
extern const struct fuse_lowlevel_ops session_ops;
#define SESSION_OF(req) ((struct session *)fuse_req_userdata(req))

/* read.c: answers with a range of the mount's contents, now or later.  nid is
 * the file's, for messages, or 0: not known. */
struct reading {
	fuse_req_t req;
	struct mount *mount;
	uint64_t nid;
	uint64_t data_off;
	size_t len; /* to SERVER_BUFFER */
};
void read_answer(const struct reading *r);
/* Those that wait fail, and whatever comes: nobody waits for them. */
void read_end(struct mount *m);

#endif
