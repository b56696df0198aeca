#include "mount/session.h"

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

static void
log_for_libfuse(enum fuse_log_level level, const char *fmt, va_list args)
{
	char line[256];

	vsnprintf(line, sizeof line, fmt, args);
	line[strcspn(line, "\n")] = '\0';
	log_event(level <= FUSE_LOG_ERR ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
	    LOG_EVENT_note, NULL, "libfuse: %s", line);
}

/* We read ourselves, libfuse asks for one all the same. */
static ssize_t
read_for_libfuse(int fd, void *p, size_t n, void *userdata)
{
	(void)userdata;
	return read(fd, p, n);
}

static ssize_t
write_for_libfuse(int fd, struct iovec *v, int n, void *userdata)
{
	struct session *x = userdata;
	const struct fuse_out_header *h = v[0].iov_base;
	uint64_t unique = h->unique;
	ssize_t rc;

	init_amend(x, v, n);
	rc = writev(fd, v, n);
	unanswered_note_answer(
	    x->mount.server->unanswered, x->mount.id, unique);
	return rc;
}

static int
attach(
    struct session *x, const struct session_face *face, int fd, struct err *e)
{
	const struct fuse_custom_io io = { .read = read_for_libfuse,
		.writev = write_for_libfuse };
	char *argv[] = { "layerfs", "-omax_read=1048576", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(2, argv);

	fuse_set_log_func(log_for_libfuse);
	x->fuse = fuse_session_new(&args, face->ops, sizeof *face->ops, x);
	fuse_opt_free_args(&args);
	if (x->fuse == NULL)
		return err_set(e, ENOMEM, "libfuse makes no session");
	if (fuse_session_custom_io(x->fuse, &io, fd) != 0)
		return err_set(e, EBADF, "libfuse does not take the mount");
	x->fd = fd;
	return 0;
}

static void
free_session(struct mount *m)
{
	struct session *x = container_of(m, struct session, mount);

	fuse_session_destroy(x->fuse);
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
	if (attach(x, face, fd, e) != 0) {
		if (x->fuse != NULL)
			fuse_session_destroy(x->fuse);
		free(x);
		return NULL;
	}
	mount_init(&x->mount, &mount_fuse, s, id, face->view, free_session);
	x->owner = face->owner;
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

static void
process(struct session *x, uint8_t *request, size_t n)
{
	struct fuse_buf b = { .size = n, .mem = request };
	const struct fuse_in_header *h = (const void *)request;

	metric_add(METRIC_fuse_requests, 1);
	if (h->opcode == FUSE_INIT) {
		init_save(x, request, n);
		init_process(x, request, n);
		server_note_start(&x->mount);
	} else {
		fuse_session_process_buf(x->fuse, &b);
	}
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

bool
session_serve(struct session *x, uint8_t *buffer, size_t size)
{
	struct unanswered *u = x->mount.server->unanswered;

	for (;;) {
		ssize_t n;

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
	fuse_session_exit(x->fuse); /* late answers fail in silence */
	return false;
}
