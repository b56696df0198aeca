#include "mount/session.h"

#include <assert.h>
#include <errno.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mount/unanswered.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"

/* ---- scopes ---- */

static _Thread_local struct session *here;

struct session *
session_here_(void)
{
	assert(here != NULL);
	return here;
}

struct session *
session_enter_(struct session *x)
{
	struct session *before = here;

	here = x;
	return before;
}

void
session_leave_(struct session *const *before)
{
	here = *before;
}

/* What the kernel does not take any more fails as an interrupted request's
 * answer does, of which libfuse says nothing. */
ssize_t
session_write(struct session *x, struct iovec *v, int n)
{
	const struct fuse_out_header *h = v[0].iov_base;
	uint64_t unique = h->unique;
	ssize_t rc;

	init_amend(x, v, n);
	rc = writev(x->fd, v, n);
	unanswered_note_answer(
	    x->mount.server->unanswered, x->mount.id, unique);
	if (rc < 0 && atomic_load(&x->is_over))
		errno = ENOENT;
	return rc;
}

/* ---- making ---- */

static void
free_session(struct mount *m)
{
	struct session *x = container_of(m, struct session, mount);

	cleanup_close(&x->fd);
	mount_release(m);
	free(x);
}

struct session *
session_new(struct mount_server *s, const char *id,
    const struct session_face *face, int fd, struct err *e)
{
	struct session *x = calloc(1, sizeof *x);

	if (x == NULL) {
		err_set(e, ENOMEM, "mount %s", id);
		return NULL;
	}
	mount_init(&x->mount, &mount_fuse, s, id, face->view, free_session);
	x->owner = face->owner;
	x->ops = face->ops;
	x->fd = fd;
	return x;
}

static void
unmount(struct mount_server *s, const char *id)
{
	struct err e;

	if (agent_unmount(s->agent, id, &e) != 0)
		log_warn("unmount %s: %s", id, e.msg);
}

struct session *
session_mount(struct mount_server *s, const char *id,
    const struct session_face *face, const struct agent_fuse_options *o,
    struct err *e)
{
	AUTO_CLOSE int fd = -1;
	struct session *x;

	if (agent_mount_fuse(s->agent, id, o, &fd, e) != 0)
		return NULL;
	x = session_new(s, id, face, fd, e);
	if (x != NULL)
		take_fd(&fd);
	/* Those of an earlier mount there have the same numbers. */
	unanswered_drop(s->unanswered, id);
	if (x != NULL && server_add(s, x, e) == 0 &&
	    server_wait_start(&x->mount, e) == 0)
		return x;
	unmount(s, id);
	if (x != NULL)
		session_unref(x);
	return NULL;
}

void
session_unmount(struct session *x)
{
	unmount(x->mount.server, x->mount.id);
	session_unref(x);
}

int
session_drop_pages(struct session *x, uint64_t nid)
{
	struct {
		struct fuse_out_header head;
		struct fuse_notify_inval_inode_out body;
	} all = {
		.head = { .len = sizeof all, .error = FUSE_NOTIFY_INVAL_INODE },
		.body = { .ino = nid },
	};

	return write(x->fd, &all, sizeof all) < 0 ? -1 : 0;
}

static void
refuse(struct session *x, const struct fuse_in_header *h, int code)
{
	struct fuse_out_header out = {
		.len = sizeof out, .error = -code, .unique = h->unique
	};

	session_write(x, &(struct iovec){ &out, sizeof out }, 1);
}

static void
begin(struct session *x, const uint8_t *request, size_t n)
{
	struct err e = ERR_INIT;

	init_save(x, request, n);
	if (init_process(x, request, n, &e) == 0) {
		server_note_start(&x->mount);
		return;
	}
	log_error("mount %s: %s", x->mount.id, e.msg);
	refuse(x, (const void *)request, e.code);
}

/* INTERRUPT is dropped: nothing here ends early (read.c). */
static void
process(struct session *x, uint8_t *request, size_t n)
{
	const struct fuse_in_header *h = (const void *)request;
	struct codec *c = atomic_load(&x->codec);
	SESSION_SCOPE(x);

	metric_add(METRIC_fuse_requests, 1);
	if (h->opcode == FUSE_INIT)
		begin(x, request, n);
	else if (c == NULL)
		refuse(x, h, EIO);
	else if (h->opcode != FUSE_INTERRUPT)
		codec_process(c, request, n);
}

static void
process_again(void *ctx, uint8_t *request, size_t n)
{
	process(ctx, request, n);
}

/* What an earlier worker left unanswered: the kernel sends it again, or it was
 * kept. */
static void
go_on(struct session *x, const struct held *h)
{
	struct unanswered *u = x->mount.server->unanswered;
	AUTO_FREE uint8_t *buffer = malloc(SERVER_BUFFER);

	if (h->payload_len > 0)
		init_replay(x, h->payload, h->payload_len);
	if (init_resend(x)) {
		unanswered_drop(u, x->mount.id);
		return;
	}
	if (buffer == NULL)
		return;
	server_lend_buffer(buffer);
	unanswered_replay(u, x->mount.id, process_again, x);
	server_lend_buffer(NULL);
}

struct session *
session_resume(struct mount_server *s, const char *id,
    const struct session_face *face, struct held *h, struct err *e)
{
	struct session *x = session_new(s, id, face, h->fd, e);

	if (x == NULL)
		return NULL;
	h->fd = -1;
	go_on(x, h);
	if (server_add(s, x, e) == 0)
		return x;
	session_unref(x);
	return NULL;
}

struct session *
session_ref(struct session *x)
{
	mount_ref(&x->mount);
	return x;
}

void
session_unref(struct session *x)
{
	mount_unref(&x->mount);
}

static void
process_noted(struct session *x, uint8_t *request, size_t n)
{
	struct unanswered *u = x->mount.server->unanswered;

	unanswered_take(u, request);
	process(x, request, n);
	unanswered_settle(u, request, n);
}

/* Requests of one session that a thread answers before it looks at the others. */
enum { TURN = 64 };

bool
session_serve(struct session *x, uint8_t *buffer, size_t size)
{
	struct unanswered *u = x->mount.server->unanswered;

	for (unsigned served = 0;; served++) {
		ssize_t n;

		if (served == TURN) {
			server_wake_again(x->mount.server, x);
			return true;
		}
		unanswered_expect(u, buffer, x->mount.id);
		n = read(x->fd, buffer, size);
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			process_noted(x, buffer, n);
		else if (n < 0 && errno == EAGAIN)
			return true;
		/* ENOENT: a request that was interrupted before it was read */
		else if (n >= 0 || (errno != EINTR && errno != ENOENT))
			break;
	}
	atomic_store(&x->is_over, true); /* late answers fail in silence */
	return false;
}
