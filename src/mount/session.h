/* One FUSE mount as the daemon sees it: a libfuse session over the descriptor
 * that the supervisor gave, answered from a view (fuse_ops.c) or by an owner
 * (path_fs.c).
 *
 *	new -> [replay saved INIT] -> served -> the kernel ended it -> free
 *
 * We read requests ourselves (non-blocking, any thread) and hand them to
 * libfuse, which is but a codec (codec.h).  Nothing depends on the order of
 * requests, and node ids mean the same in every life of the worker: a session
 * has no state but INIT's.
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

#include "mount/codec.h"
#include "mount/server.h"

struct session {
	struct mount mount;
	void *owner;
	const struct fuse_lowlevel_ops *ops;
	struct codec *_Atomic codec; /* NULL before INIT */
	int fd;
	atomic_bool is_over;         /* the kernel takes no more answers */
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

/* Answers requests until there are none, or others have their turn (the server is
 * woken again then).  False when the kernel has ended the connection. */
bool session_serve(struct session *x, uint8_t *buffer, size_t size);
enum { SESSION_BUFFER = (1 << 20) + 4096 };

/* Has the kernel ask anew for this file's contents.  Waits for reads of it that
 * are under way.  -1 with ENOENT: the kernel does not know it. */
int session_drop_pages(struct session *x, uint64_t nid);

/* What every session's init has to say, as it was mounted with it. */
enum { SESSION_MAX_READ = 1 << 20 };

/* init.c: INIT is the one request that a later life of the worker cannot ask
 * for again, so the supervisor keeps it. */
void init_choose(struct fuse_conn_info *c);
void init_save(struct session *x, const void *request, size_t n);
int init_process(
    struct session *x, const void *request, size_t n, struct err *e);
/* Adds to INIT's answer what libfuse does not know; other answers stay. */
void init_amend(struct session *x, const struct iovec *v, int n);
void init_replay(struct session *x, const void *request, size_t n);
/* Whether the kernel sends again what was read and not answered. */
bool init_resend(struct session *x);

/* fuse_ops.c */
extern const struct fuse_lowlevel_ops session_ops;

/* ---- whose requests and answers the calling thread is at ---- */

/* Every fuse_reply_...() goes to the session of the innermost scope.  A request
 * is processed in its own; who answers it later opens one.  The session is
 * referenced meanwhile by who opened it. */
#define SESSION_SCOPE(x)                                             \
	CLEANUP(session_leave_)                                      \
	struct session *CAT(session_, __LINE__) = session_enter_(x); \
	(void)CAT(session_, __LINE__)
#define SESSION_HERE session_here_()
/* While a request is processed. */
#define SESSION_OF(req) ((void)(req), SESSION_HERE)

struct session *session_here_(void);
struct session *session_enter_(struct session *x); /* gives the one before */
void session_leave_(struct session *const *before);

/* Writes an answer; codec.c. */
ssize_t session_write(struct session *x, struct iovec *v, int n);

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
/* Those that wait fail, and whatever comes: nobody waits for them, and what they
 * wanted keeps nothing open. */
void read_end(struct mount *m);
/* Those that wait, and whatever comes, wait no longer than this. */
void read_limit(struct mount *m, uint32_t ms);

#endif
