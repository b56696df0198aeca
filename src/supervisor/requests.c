/* What the worker asks of the supervisor, and the jobs that do it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/hold.h"
#include "supervisor/job.h"
#include "supervisor/late.h"
#include "supervisor/lost.h"
#include "supervisor/message.h"
#include "supervisor/received.h"
#include "supervisor/supervisor_private.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

/* In place of a worker's life: the supervisor's own job. */
enum { NO_LIFE = 0 };

enum { REFUSED_MAX = 64 };

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
answer_greeted(struct supervisor *s, struct message *m)
{
	struct held_fd *f = greeter_give(s);
	struct err e;

	if (f == NULL) {
		err_set(&e, ENOENT, "that was all");
		answer(s, m, -1, &e);
		return;
	}
	memcpy(m->name, f->h.name, sizeof m->name);
	answer(s, m, f->h.fd, NULL);
}

/* Takes fd. */
static int
hold(struct supervisor *s, const struct message *m, int *fd, struct err *e)
{
	struct held h = { .payload_len = m->body.payload.len };

	if (!keep_is_name(m->name))
		return err_set(e, EINVAL, "no name to hold it under");
	memcpy(h.name, m->name, sizeof h.name);
	memcpy(h.payload, m->body.payload.bytes, h.payload_len);
	h.fd = take_fd(fd);
	return keep_put(&s->keep, &h, NULL, e);
}

static void
answer_hold(struct supervisor *s, struct message *m, int *fd)
{
	struct err e;
	int rc = hold(s, m, fd, &e);

	answer(s, m, -1, rc != 0 ? &e : NULL);
}

static void
answer_greet(struct supervisor *s, struct message *m, int *fd)
{
	int sock = *fd, rc;
	struct err e;

	m->body.payload.len = 0;
	rc = hold(s, m, fd, &e);
	if (rc == 0 && !greeter_say_settings(sock)) {
		keep_drop(&s->keep, m->name);
		rc = err_set(&e, EPIPE, "who connected is gone");
	}
	answer(s, m, -1, rc != 0 ? &e : NULL);
}

/* What it did not give is not the worker's to take from the next one. */
static void
answer_drop(struct supervisor *s, struct message *m)
{
	struct err e;

	if (!keep_is_name(m->name)) {
		err_set(&e, EINVAL, "nothing that a worker has given");
		answer(s, m, -1, &e);
		return;
	}
	keep_drop(&s->keep, m->name);
	answer(s, m, -1, NULL);
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
	if (late_check(&s->jobs, m, n_fds, e) != 0)
		return -1;
	j = job_start(&s->mounter, m, fds, n_fds, e);
	if (j == NULL)
		return -1;
	late_note_start(s, j, n_fds);
	j->life = s->worker.life;
	list_push_back(&s->jobs, &j->link);
	s->n_jobs++;
	return 0;
}

/* Nobody is told. */
static void
start_own_job(struct supervisor *s, enum message_kind kind, const char *id)
{
	struct message m = { .version = MESSAGE_VERSION, .kind = kind };
	struct err e;

	strcpy(m.name, id);
	if (start_job(s, &m, NULL, 0, &e) != 0)
		log_error("left behind: %s", e.msg);
	else
		list_entry(s->jobs.prev, struct job, link)->life = NO_LIFE;
}

void
supervisor_take_away(struct supervisor *s, const char *id)
{
	start_own_job(s, MESSAGE_UNMOUNT, id);
}

void
supervisor_sweep(struct supervisor *s)
{
	if (s->mounter.uppers >= 0)
		start_own_job(s, MESSAGE_SWEEP, "");
}

static bool
is_erofs(const struct held_fd *f)
{
	return f != NULL && strncmp(f->h.name, "erofs:", 6) == 0;
}

/* The supervisor knows where, and what it is, not the worker. */
static void
complete_unmount(struct supervisor *s, struct message *m)
{
	const struct held_fd *f = find_mount(s, m->name);
	struct lost *l = lost_find_overlay(&s->lost, m->name);

	if (l != NULL)
		lost_drop_with_overlay(&s->lost, l);
	m->number = is_erofs(f);
	m->body.fuse.target[0] = '\0';
	if (f != NULL && f->target != NULL)
		strcpy(m->body.fuse.target, f->target);
}

static void
handle_attach(struct supervisor *s, struct message *m)
{
	struct lost *l =
	    lost_find(&s->lost, m->body.attach.target, m->body.attach.overlay);
	struct err e;

	if (l == NULL || (l->folder < 0 && m->name[0] != '\0')) {
		err_set(&e, ENOENT, "no mount was lost there");
		answer(s, m, -1, &e);
		return;
	}
	m->body.attach.attributes = l->attributes;
	m->body.attach.is_elsewhere = l->is_elsewhere;
	if (m->name[0] == '\0')
		answer(s, m, -1, NULL);
	else if (start_job(s, m, &l->folder, 1, &e) != 0)
		answer(s, m, -1, &e);
}

/* What was written over mounts that nobody wanted again goes with them. */
static void
drop_lost(struct supervisor *s)
{
	char overlay[AGENT_ID_MAX + 1];

	while (!list_is_empty(&s->lost)) {
		struct lost *l = list_entry(s->lost.next, struct lost, link);

		memcpy(overlay, l->overlay, sizeof overlay);
		lost_drop_with_overlay(&s->lost, l);
		if (overlay[0] != '\0')
			supervisor_take_away(s, overlay);
	}
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
		s->was_ready = s->worker.is_serving = true;
		drop_lost(s);
		notify_say(&s->keep.notify, "READY=1");
		answer(s, m, -1, NULL);
		return;
	case MESSAGE_NEXT:
		answer_next(s, m);
		return;
	case MESSAGE_GREETED:
		answer_greeted(s, m);
		return;
	case MESSAGE_HOLD:
		answer_hold(s, m, &fds[0]);
		return;
	case MESSAGE_GREET:
		answer_greet(s, m, &fds[0]);
		return;
	case MESSAGE_CONNECT:
		answer_connect(s, m);
		return;
	case MESSAGE_DROP:
		answer_drop(s, m);
		return;
	case MESSAGE_ATTACH:
		handle_attach(s, m);
		return;
	case MESSAGE_UNMOUNT:
		complete_unmount(s, m);
		break;
	case MESSAGE_PAGES:
		if (is_erofs(find_mount(s, m->name)))
			break;
		err_set(&e, ENOENT, "%s is no mount of EROFS", m->name);
		answer(s, m, -1, &e);
		return;
	}
	if (start_job(s, m, fds, n_fds, &e) != 0)
		answer(s, m, -1, &e);
}

/* A worker that goes on and on is somebody else by now. */
static int
receive(struct supervisor *s, struct message *m, int fds[MESSAGE_FDS_MAX],
    unsigned *n, struct err *e)
{
	struct stat st = { 0 };
	int rc;

	fstat(s->root.secrets, &st);
	rc = received_message(s->worker.sock, st.st_dev, m, fds, n, e);
	if (rc == 0 || e->code != EPERM)
		return rc;
	log_warn("the worker: %s", e->msg);
	if (++s->worker.n_refused > REFUSED_MAX)
		return err_set(e, EPROTO,
		    "the worker goes on sending descriptors that nobody takes");
	return rc;
}

/* The message is there, what came with it is not. */
static bool
is_answerable(const struct err *e)
{
	return e->code == EMFILE || e->code == EPERM || e->code == EAGAIN ||
	       e->code == ENOMEM;
}

void
supervisor_on_request(struct supervisor *s)
{
	int fds[MESSAGE_FDS_MAX] = { -1, -1 };
	struct message m;
	unsigned n;
	struct err e;
	int rc;

	rc = receive(s, &m, fds, &n, &e);
	if (rc != 0 && is_answerable(&e)) {
		answer(s, &m, -1, &e);
	} else if (rc != 0 || message_check(&m, n, &e) != 0) {
		/* Its end is closed, which it does when it exits; or it talks
		 * nonsense.  SIGCHLD follows. */
		if (e.code != ECONNRESET) {
			log_error("%s", e.msg);
			worker_kill(&s->worker, SIGKILL);
		}
		worker_hang_up(&s->worker);
		worker_expect_end(&s->worker);
	} else {
		handle(s, &m, fds, n);
	}
	cleanup_close(&fds[0]);
	cleanup_close(&fds[1]);
}

/* ---- jobs that are done ---- */

/* They wait for the worker's own answer, which the next one gives: in vain.  What
 * is put back on a target the next one asks for again. */
void
supervisor_kill_orphans(struct supervisor *s)
{
	list_for_each(l, &s->jobs) {
		struct job *j = list_entry(l, struct job, link);

		if (j->request.kind == MESSAGE_EROFS ||
		    j->request.kind == MESSAGE_ATTACH)
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

/* Once only, whichever worker asked. */
static void
forget_lost(struct supervisor *s, const struct message *attach)
{
	struct lost *l = lost_find(
	    &s->lost, attach->body.attach.target, attach->body.attach.overlay);

	if (l != NULL)
		lost_drop_with_overlay(&s->lost, l);
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
	if (j->request.kind == MESSAGE_ATTACH)
		forget_lost(s, &j->request);
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
		supervisor_take_away(s, j->request.name);
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
