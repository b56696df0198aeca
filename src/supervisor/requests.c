/* What the worker asks of the supervisor, and the jobs that do it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/hold.h"
#include "supervisor/job.h"
#include "supervisor/message.h"
#include "supervisor/supervisor_private.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

/* In place of a worker's life: the supervisor's own job. */
enum { NO_LIFE = 0 };

/* ---- answers ---- */

/* A worker that does not read its answers gets none. */
static void
answer(struct supervisor *s, struct message *m, int fd, const struct err *e)
{
	message_answer(s->worker.sock, m, fd, e);
}

static void
answer_next(struct supervisor *s, struct message *m)
{
	struct held_fd *f = hold_after(&s->keep.holds, m->number);
	struct err e;

	if (f == NULL) {
		err_set(&e, ENOENT, "that was all");
		answer(s, m, -1, &e);
		return;
	}
	m->number = f->serial;
	memcpy(m->name, f->h.name, sizeof m->name);
	m->body.payload.len = f->h.payload_len;
	memcpy(m->body.payload.bytes, f->h.payload, f->h.payload_len);
	answer(s, m, f->h.fd, NULL);
}

static void
answer_hold(struct supervisor *s, struct message *m, int *fd)
{
	struct held h = { .payload_len = m->body.payload.len };
	struct err e;
	int rc;

	if (!keep_is_name(m->name)) {
		err_set(&e, EINVAL, "no name to hold it under");
		answer(s, m, -1, &e);
		return;
	}
	memcpy(h.name, m->name, sizeof h.name);
	memcpy(h.payload, m->body.payload.bytes, h.payload_len);
	h.fd = take_fd(fd);
	rc = keep_put(&s->keep, &h, NULL, &e);
	answer(s, m, -1, rc != 0 ? &e : NULL);
}

/* Opened anew each time: kubelets and logins replace the file. */
static int
open_login(const struct supervisor *s, uint32_t n, struct err *e)
{
	char *const *path = s->options->login_files;
	int fd;

	for (; path != NULL && *path != NULL && n > 0; n--)
		path++;
	if (path == NULL || *path == NULL)
		return err_set(e, ENOENT, "there is no such file");
	fd = open(*path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? err_sys(e, "open %s", *path) : fd;
}

/* The socket is root's, and the worker is not. */
static int
connect_containerd(const struct supervisor *s, struct err *e)
{
	const char *path = s->options->containerd;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = -1;

	if (path == NULL || *path == '\0')
		return err_set(e, ENOENT, "no containerd is configured");
	if (strlen(path) >= sizeof a.sun_path)
		return err_set(e, ENAMETOOLONG, "%s", path);
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
		return err_sys(e, "connect to %s", path);
	return take_fd(&fd);
}

static void
answer_connect(struct supervisor *s, struct message *m)
{
	struct err e;
	AUTO_CLOSE int fd = connect_containerd(s, &e);

	answer(s, m, fd, fd < 0 ? &e : NULL);
}

static void
answer_login(struct supervisor *s, struct message *m)
{
	struct err e;
	AUTO_CLOSE int fd = open_login(s, m->number, &e);

	answer(s, m, fd, fd < 0 ? &e : NULL);
}

static void
mount_name(char name[AGENT_NAME_MAX + 1], const char *kind, const char *id)
{
	snprintf(name, AGENT_NAME_MAX + 1, "%s:%.*s", kind, AGENT_ID_MAX, id);
}

/* What is held of the mount RUN/m/ID. */
static struct held_fd *
find_mount(struct supervisor *s, const char *id)
{
	char name[AGENT_NAME_MAX + 1];
	struct held_fd *f;

	mount_name(name, "fuse", id);
	f = hold_find(&s->keep.holds, name);
	if (f != NULL)
		return f;
	mount_name(name, "erofs", id);
	return hold_find(&s->keep.holds, name);
}

static int
start_job(struct supervisor *s, const struct message *m, const int *fds,
    unsigned n_fds, struct err *e)
{
	struct job *j;

	if (s->n_jobs >= SUPERVISOR_JOBS_MAX)
		return err_set(e, EAGAIN, "too many requests at once");
	j = job_start(&s->mounter, m, fds, n_fds, e);
	if (j == NULL)
		return -1;
	j->life = s->worker.life;
	list_push_back(&s->jobs, &j->link);
	s->n_jobs++;
	return 0;
}

/* The supervisor knows where, and what it is, not the worker. */
static void
complete_unmount(struct supervisor *s, struct message *m)
{
	const struct held_fd *f = find_mount(s, m->name);

	m->number = f != NULL && strncmp(f->h.name, "erofs:", 6) == 0;
	m->body.fuse.target[0] = '\0';
	if (f != NULL && f->target != NULL)
		strcpy(m->body.fuse.target, f->target);
}

static void
handle(struct supervisor *s, struct message *m, int *fds, unsigned n_fds)
{
	struct err e;

	switch (m->kind) {
	case MESSAGE_HELLO:
		m->number = s->account.is_root;
		m->body.hello.life = s->worker.life;
		answer(s, m, -1, NULL);
		return;
	case MESSAGE_READY:
		s->was_ready = true;
		notify_say(&s->keep.notify, "READY=1");
		answer(s, m, -1, NULL);
		return;
	case MESSAGE_NEXT:
		answer_next(s, m);
		return;
	case MESSAGE_HOLD:
		answer_hold(s, m, &fds[0]);
		return;
	case MESSAGE_LOGIN:
		answer_login(s, m);
		return;
	case MESSAGE_CONNECT:
		answer_connect(s, m);
		return;
	case MESSAGE_DROP:
		keep_drop(&s->keep, m->name);
		answer(s, m, -1, NULL);
		return;
	case MESSAGE_UNMOUNT:
		complete_unmount(s, m);
		break;
	}
	if (start_job(s, m, fds, n_fds, &e) != 0)
		answer(s, m, -1, &e);
}

void
supervisor_on_request(struct supervisor *s)
{
	int fds[MESSAGE_FDS_MAX] = { -1, -1 };
	struct message m;
	unsigned n;
	struct err e;

	if (message_receive(s->worker.sock, &m, fds, &n, &e) != 0 ||
	    message_check(&m, n, &e) != 0) {
		/* Its end is closed, which it does when it exits; or it talks
		 * nonsense.  SIGCHLD follows. */
		if (e.code != ECONNRESET) {
			log_error("%s", e.msg);
			worker_kill(&s->worker, SIGKILL);
		}
		worker_hang_up(&s->worker);
		supervisor_expect_end(s);
	} else {
		handle(s, &m, fds, n);
	}
	cleanup_close(&fds[0]);
	cleanup_close(&fds[1]);
}

/* ---- jobs that are done ---- */

/* They wait for the worker's own answer, which the next one gives: in vain. */
void
supervisor_kill_orphans(struct supervisor *s)
{
	list_for_each(l, &s->jobs) {
		struct job *j = list_entry(l, struct job, link);

		if (j->request.kind == MESSAGE_EROFS)
			job_kill(j);
	}
}

/* What is there of the mount, for the next worker. */
static int
keep_mount(struct supervisor *s, const struct job *j, const char *kind, int fd,
    const char *target, struct err *e)
{
	struct held h = { .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0) };

	mount_name(h.name, kind, j->request.name);
	if (h.fd < 0)
		return err_sys(e, "hold %s", h.name);
	return keep_put(&s->keep, &h, target, e);
}

static int
keep_session(struct supervisor *s, const struct job *j, int fd, struct err *e)
{
	const char *target = j->request.body.fuse.target;

	return keep_mount(s, j, "fuse", fd, *target != '\0' ? target : NULL, e);
}

static int
keep_index(struct supervisor *s, const struct job *j, int fd, struct err *e)
{
	if (j->request.body.erofs.is_trial != 0)
		return 0;
	return keep_mount(s, j, "erofs", fd, NULL, e);
}

static void
note_result(
    struct supervisor *s, const struct job *j, struct message *m, int fd)
{
	struct held_fd *f = find_mount(s, j->request.name);
	struct err e;

	if (m->code != 0)
		return;
	if (j->request.kind == MESSAGE_FUSE && keep_session(s, j, fd, &e) != 0)
		log_error("%s", e.msg);
	if (j->request.kind == MESSAGE_EROFS && keep_index(s, j, fd, &e) != 0)
		log_error("%s", e.msg);
	if (j->request.kind == MESSAGE_UNMOUNT && f != NULL)
		keep_drop(&s->keep, f->h.name);
}

/* Nobody would ever be told of an overlay or an EROFS mount whose worker is
 * dead, nor of what a process had mounted that died before it could say so. */
static bool
is_left_over(struct supervisor *s, const struct job *j, const struct message *m)
{
	bool is_orphan = j->life != s->worker.life || s->worker.sock < 0;

	switch (j->request.kind) {
	case MESSAGE_OVERLAY:
		return is_orphan && m->code == 0;
	case MESSAGE_EROFS:
		if (j->died) /* unless the next worker's is there already */
			return find_mount(s, j->request.name) == NULL;
		return is_orphan && m->code == 0;
	default:
		return false;
	}
}

static void
undo(struct supervisor *s, const struct job *j)
{
	struct message m = { .version = MESSAGE_VERSION,
		.kind = MESSAGE_UNMOUNT };
	struct err e;

	memcpy(m.name, j->request.name, sizeof m.name);
	if (start_job(s, &m, NULL, 0, &e) != 0)
		log_error("left behind: %s", e.msg);
	else
		list_entry(s->jobs.prev, struct job, link)->life = NO_LIFE;
}

/* The worker that asked may have died; a session is held for the next. */
void
supervisor_on_job_end(struct supervisor *s, struct job *j)
{
	int fds[MESSAGE_FDS_MAX] = { -1, -1 };
	struct message m;
	struct err e;
	unsigned n;

	job_result(j, &m, fds, &n);
	if (is_left_over(s, j, &m))
		undo(s, j);
	else
		note_result(s, j, &m, fds[0]);
	if (j->life == s->worker.life && s->worker.sock >= 0)
		message_send(s->worker.sock, &m, fds, n, MSG_DONTWAIT, &e);
	cleanup_close(&fds[0]);
	cleanup_close(&fds[1]);
	list_remove(&j->link);
	s->n_jobs--;
	job_free(j);
}
