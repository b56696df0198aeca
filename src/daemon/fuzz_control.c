/* What somebody may write to the control socket: each line is answered, once, and what
 * came with it is closed.  Operations that do nothing stand for the real ones. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/mounts.h"
#include "supervisor/agent.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/rights.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* ---- operations ---- */

static int
op_keep(struct request *r, struct doc *result, struct err *e)
{
	bool lazy = false;
	const char *text;
	int64_t number = 0;

	if (doc_get_string(r->arguments, "reference", &text, e) < 0 ||
	    doc_find_bool(r->arguments, "lazy", &lazy, e) < 0 ||
	    doc_find_int(r->arguments, "unused_s", &number, e) < 0)
		return -1;
	doc_set_string(result, "reference", text);
	request_set_pending(r, lazy ? text : NULL);
	if (r->n_fds > 0) {
		r->reply_fd = r->fds[0];
		r->fds[0] = -1;
	}
	return 0;
}

static int
op_fail(struct request *r, struct doc *result, struct err *e)
{
	(void)result;
	return err_set(e, EBUSY, "%zu descriptors", r->n_fds);
}

static const char *const no_arguments[] = { NULL };
static const char *const arguments[] = { "reference", "lazy", "unused_s",
	NULL };

const struct op ops[] = {
	{ "pull", arguments, op_keep },
	{ "ls", no_arguments, op_fail },
};
const size_t n_ops = sizeof ops / sizeof *ops;

void
mounts_undo(struct mounts *m, const char *id)
{
	(void)m;
	assert(*id != 0);
}

bool
agent_is_root(const struct agent *a)
{
	(void)a;
	return false;
}

/* ---- the client ---- */

struct client {
	struct daemon *daemon;
	struct watch *watch;
	int fd;
	const uint8_t *p;
	size_t n;
	int gift;     /* a pipe's end, */
	size_t gifts; /* so many of which go with the first byte */
	size_t lines, answers;
};

static size_t
count_lines(const uint8_t *p, size_t n)
{
	size_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += p[i] == '\n';
	return lines;
}

/* Who has his answers hangs up. */
static void
watch_next(struct client *c)
{
	if (c->n == 0 && c->answers == c->lines)
		shutdown(c->fd, SHUT_WR);
	watch_set_events(c->watch, c->n > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void
take_answers(struct client *c)
{
	uint8_t room[4096];
	struct rights r;
	ssize_t n = rights_receive(c->fd, room, sizeof room, MSG_DONTWAIT, &r);

	if (n > 0) {
		c->answers += count_lines(room, n);
		rights_close(&r);
	}
	assert(c->answers <= c->lines);
	if (n == 0)
		loop_stop(c->daemon->loop);
}

static void
send_some(struct client *c)
{
	int gifts[RIGHTS_MAX];
	ssize_t n;

	for (size_t i = 0; i < c->gifts; i++)
		gifts[i] = c->gift;
	n = rights_send(c->fd, c->p, c->n, MSG_DONTWAIT, gifts, c->gifts);
	if (n <= 0)
		return;
	c->p += n;
	c->n -= n;
	c->gifts = 0;
}

static void
on_ready(void *ctx, uint32_t ready)
{
	struct client *c = ctx;

	if (ready & EPOLLOUT)
		send_some(c);
	if (ready & EPOLLIN)
		take_answers(c);
	watch_next(c);
}

static void
speak(struct daemon *d, int listener, int gift, const uint8_t *p, size_t n)
{
	struct sockaddr_un to;
	socklen_t len = sizeof to;
	AUTO_CLOSE int fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct client c = {
		.daemon = d,
		.fd = fd,
		.p = p + 1,
		.n = n - 1,
		.gift = gift,
		.gifts = p[0] % (RIGHTS_MAX + 1),
		.lines = count_lines(p + 1, n - 1),
	};
	struct err e;

	if (getsockname(listener, (struct sockaddr *)&to, &len) < 0 ||
	    connect(fd, (struct sockaddr *)&to, len) < 0)
		abort();
	c.watch = loop_watch(d->loop, fd, EPOLLIN | EPOLLOUT, on_ready, &c, &e);
	if (c.watch == NULL || loop_run(d->loop, &e) < 0)
		abort();
	assert(c.answers == c.lines);
	watch_remove(c.watch);
}

/* ---- the server, once: its thread takes longer than a request ---- */

static int
serve(struct daemon *d)
{
	/* An abstract name that the kernel chooses. */
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	int listener =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct err e;

	log_set_level(LOG_LEVEL_ERROR);
	d->loop = loop_new(&e);
	d->jobs = pool_new("jobs", 1, &e);
	if (bind(listener, (struct sockaddr *)&any, sizeof(sa_family_t)) < 0 ||
	    listen(listener, 1) < 0 || d->loop == NULL || d->jobs == NULL ||
	    (d->control = control_new(d, listener, &e)) == NULL)
		abort();
	return listener;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct daemon d;
	static int listener = -1;
	char none;
	int gift[2];

	if (n < 2 || pipe2(gift, O_NONBLOCK | O_CLOEXEC) < 0)
		return 0;
	if (listener < 0)
		listener = serve(&d);
	speak(&d, listener, gift[1], p, n);
	close(gift[1]);
	assert(read(gift[0], &none, 1) == 0);
	close(gift[0]);
	return 0;
}
