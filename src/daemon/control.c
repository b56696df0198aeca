#include "daemon/control.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/mounts.h"
#include "supervisor/agent.h"
#include "base/acceptor.h"
#include "base/bytes.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/peer.h"
#include "base/rights.h"

enum { SEND_PATIENCE_MS = 10000, READ_BYTES = 64 << 10, ID_SIZE = 40 };

struct control {
	struct daemon *daemon;
	struct acceptor acceptor;
	struct list connections; /* the loop's */
};

struct connection {
	struct control *control;
	struct list link;
	int fd;
	struct watch *watch; /* NULL once the client hung up */
	struct buf in;
	int fds[LAYERFS_CONTROL_FDS]; /* came with the line in `in` */
	size_t n_fds;
	struct deferred done; /* the running request ended */
	bool is_running;
	_Atomic bool is_gone;

	struct lock send_lock; /* one message at a time, and what follows */
	char pending_id[ID_SIZE];
};

static void start_next(struct connection *c);

/* ---- sending, any thread ---- */

/* Returns the bytes taken, or -1 when the client is gone or does not read. */
static ssize_t
send_some(int fd, const char *p, size_t n, int with_fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };

	for (;;) {
		ssize_t put = rights_send(
		    fd, p, n, MSG_DONTWAIT, &with_fd, with_fd >= 0 ? 1 : 0);

		if (put >= 0)
			return put;
		if (errno != EAGAIN || poll(&ready, 1, SEND_PATIENCE_MS) <= 0)
			return -1;
	}
}

static void
send_line(struct connection *c, struct doc *message, int with_fd)
{
	AUTO_FREE char *text = doc_to_json(message, false);
	size_t n = strlen(text), at = 0;

	text[n++] = '\n'; /* in the place of the NUL */
	LOCK_SCOPE(&c->send_lock);
	while (at < n && !atomic_load(&c->is_gone)) {
		ssize_t put = send_some(c->fd, text + at, n - at, with_fd);

		if (put < 0) {
			atomic_store(&c->is_gone, true);
			shutdown(c->fd, SHUT_RDWR);
			return;
		}
		at += put;
		with_fd = -1;
	}
}

void
request_send_event(struct request *r, struct doc *take)
{
	AUTO_DOC struct doc *event = take;

	send_line(r->connection, event, -1);
}

const _Atomic bool *
request_is_cancelled(struct request *r)
{
	return &r->connection->is_gone;
}

void
request_set_pending(struct request *r, const char *mount_id)
{
	struct connection *c = r->connection;

	LOCK_SCOPE(&c->send_lock);
	snprintf(c->pending_id, sizeof c->pending_id, "%s",
	    mount_id == NULL ? "" : mount_id);
}

/* ---- a request's life ---- */

static struct doc *
failure_message(const struct err *e)
{
	struct doc *message = doc_new_object();
	struct doc *error = doc_new_object();

	doc_set_string(error, "code", err_code_name(e->code));
	doc_set_string(error, "message", e->msg);
	doc_set_bool(message, "ok", false);
	doc_set(message, "error", error);
	return message;
}

static void
send_failure(struct connection *c, const struct err *e)
{
	AUTO_DOC struct doc *message = failure_message(e);

	send_line(c, message, -1);
}

static void
request_free(struct request *r)
{
	for (size_t i = 0; i < r->n_fds; i++)
		if (r->fds[i] >= 0)
			close(r->fds[i]);
	if (r->reply_fd >= 0)
		close(r->reply_fd);
	doc_unref(r->arguments);
	free(r);
}

/* Whoever reads the log does not see the command. */
static void
log_failure(const struct request *r, const struct err *e)
{
	const char *what = doc_string(doc_find(r->arguments, "reference"));

	log_event(what != NULL ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
	    LOG_EVENT_request_failed,
	    LOG_FIELDS({ "operation", r->op->name }, { "reference", what },
		{ "code", err_code_name(e->code) }),
	    "%s%s%s: %s", r->op->name, what != NULL ? " " : "",
	    what != NULL ? what : "", e->msg);
}

static void
run_request(struct task *t)
{
	struct request *r = container_of(t, struct request, task);
	struct connection *c = r->connection;
	AUTO_DOC struct doc *result = doc_new_object();
	struct err e = ERR_INIT;

	if (r->op->run(r, result, &e) < 0) {
		log_failure(r, &e);
		send_failure(c, &e);
	} else {
		doc_set_bool(result, "ok", true);
		send_line(c, result, r->reply_fd);
	}
	request_free(r);
	loop_defer(c->control->daemon->loop, &c->done);
}

/* ---- reading, on the loop ---- */

static const struct op *
find_op(const struct doc *arguments, struct err *e)
{
	const char *name;

	if (!doc_is_object(arguments)) {
		err_set(e, EINVAL, "a request is a JSON object");
		return NULL;
	}
	if (doc_get_string(arguments, "op", &name, e) < 0)
		return NULL;
	for (size_t i = 0; i < n_ops; i++)
		if (strcmp(ops[i].name, name) == 0)
			return &ops[i];
	err_set(e, EINVAL, "there is no operation \"%.40s\"", name);
	return NULL;
}

static bool
is_known(const struct op *op, const char *argument)
{
	for (const char *const *a = op->arguments; *a != NULL; a++)
		if (strcmp(*a, argument) == 0)
			return true;
	return strcmp(argument, "op") == 0;
}

static int
check_arguments(const struct op *op, struct doc *arguments, struct err *e)
{
	doc_for_each(arguments, key, v) {
		(void)v;
		if (!is_known(op, key))
			return err_set(e, EINVAL,
			    "%s has no argument \"%.40s\"", op->name, key);
	}
	return 0;
}

static struct request *
parse_request(struct connection *c, const char *line, size_t n, struct err *e)
{
	AUTO_DOC struct doc *arguments = doc_parse_json(line, n, e);
	const struct op *op;
	struct request *r;

	if (arguments == NULL)
		return NULL;
	op = find_op(arguments, e);
	if (op == NULL || check_arguments(op, arguments, e) < 0)
		return NULL;
	r = calloc(1, sizeof *r);
	if (r == NULL) {
		err_set(e, ENOMEM, "request");
		return NULL;
	}
	r->task.run = run_request;
	r->daemon = c->control->daemon;
	r->connection = c;
	r->op = op;
	r->arguments = take_ptr(&arguments);
	r->reply_fd = -1;
	return r;
}

static void
drop_fds(struct connection *c)
{
	for (size_t i = 0; i < c->n_fds; i++)
		close(c->fds[i]);
	c->n_fds = 0;
}

static void
start_request(struct connection *c, const char *line, size_t n)
{
	struct err e = ERR_INIT;
	struct request *r = parse_request(c, line, n, &e);

	if (r == NULL) {
		drop_fds(c);
		send_failure(c, &e);
		return;
	}
	memcpy(r->fds, c->fds, sizeof r->fds);
	r->n_fds = c->n_fds;
	c->n_fds = 0;
	c->is_running = true;
	pool_submit(c->control->daemon->jobs, &r->task, 0);
}

/* Starts what has arrived whole, one request at a time. */
static void
start_next(struct connection *c)
{
	while (!c->is_running) {
		uint8_t *end =
		    c->in.len == 0 ? NULL : memchr(c->in.data, '\n', c->in.len);
		size_t n;

		if (end == NULL)
			return;
		n = end - c->in.data;
		start_request(c, (const char *)c->in.data, n);
		memmove(c->in.data, end + 1, c->in.len - n - 1);
		c->in.len -= n + 1;
	}
}

static void
take_fds(struct connection *c, struct rights *r)
{
	size_t room = LAYERFS_CONTROL_FDS - c->n_fds;

	for (size_t i = 0; i < r->n && i < room; i++) {
		c->fds[c->n_fds++] = r->fds[i];
		r->fds[i] = -1;
	}
	rights_close(r);
}

/* False when the client is gone. */
static bool
read_some(struct connection *c)
{
	struct err e;
	struct rights r;
	ssize_t got;

	if (buf_reserve(&c->in, READ_BYTES, &e) < 0)
		return false;
	got = rights_receive(
	    c->fd, c->in.data + c->in.len, READ_BYTES, MSG_DONTWAIT, &r);
	if (got < 0)
		return errno == EAGAIN;
	take_fds(c, &r);
	c->in.len += got;
	return got > 0;
}

/* ---- connections ---- */

static void
connection_free(struct connection *c)
{
	if (c->pending_id[0] != 0)
		mounts_undo(c->control->daemon->mounts, c->pending_id);
	list_remove(&c->link);
	drop_fds(c);
	close(c->fd);
	buf_release(&c->in);
	lock_destroy(&c->send_lock);
	free(c);
}

static void
hang_up(struct connection *c)
{
	atomic_store(&c->is_gone, true);
	if (c->watch != NULL)
		watch_remove(c->watch);
	c->watch = NULL;
	if (!c->is_running)
		connection_free(c);
}

static void
on_request_done(struct deferred *d)
{
	struct connection *c = container_of(d, struct connection, done);

	c->is_running = false;
	if (atomic_load(&c->is_gone))
		hang_up(c);
	else
		start_next(c);
}

static void
on_readable(void *ctx, uint32_t ready)
{
	struct connection *c = ctx;

	(void)ready;
	if (!read_some(c))
		hang_up(c);
	else
		start_next(c);
}

/* Takes fd. */
static void
add_connection(struct control *control, int fd)
{
	struct connection *c = calloc(1, sizeof *c);
	struct err e = ERR_INIT;

	if (c == NULL) {
		close(fd);
		return;
	}
	c->control = control;
	c->fd = fd;
	c->done.run = on_request_done;
	buf_init(&c->in, LIMIT_CONTROL_MESSAGE_BYTES + READ_BYTES);
	lock_init(&c->send_lock, RANK_LEAF);
	list_push_back(&control->connections, &c->link);
	c->watch =
	    loop_watch(control->daemon->loop, fd, EPOLLIN, on_readable, c, &e);
	if (c->watch == NULL) {
		log_warn("control: %s", e.msg);
		connection_free(c);
	}
}

/* Told why, as far as it fits into the socket. */
static void
refuse(void *ctx, int fd, const struct err *why)
{
	AUTO_DOC struct doc *message = failure_message(why);
	AUTO_FREE char *text = doc_to_json(message, false);
	size_t n = strlen(text);

	(void)ctx;
	text[n++] = '\n'; /* in the place of the NUL */
	if (rights_send(fd, text, n, MSG_DONTWAIT, NULL, 0) < 0)
		log_debug("control.sock: %m");
}

static void
on_accept(void *ctx, int fd)
{
	struct control *control = ctx;
	bool or_self = !agent_is_root(control->daemon->agent);
	struct err e = ERR_INIT;

	if (peer_check(fd, or_self, &e) == 0) {
		add_connection(control, fd);
		return;
	}
	log_event(LOG_LEVEL_WARN, LOG_EVENT_peer_refused,
	    LOG_FIELDS({ "socket", "control.sock" }), "control.sock: %s",
	    e.msg);
	refuse(control, fd, &e);
	close(fd);
}

struct control *
control_new(struct daemon *d, int listener, struct err *e)
{
	struct control *c = calloc(1, sizeof *c);

	if (c == NULL) {
		err_set(e, ENOMEM, "control socket");
		return NULL;
	}
	c->daemon = d;
	list_init(&c->connections);
	if (acceptor_init(
		&c->acceptor, d->loop, listener, on_accept, refuse, c, e) < 0) {
		free(c);
		return NULL;
	}
	return c;
}

void
control_free(struct control *c)
{
	if (c == NULL)
		return;
	list_for_each_safe(l, &c->connections) {
		struct connection *k = list_entry(l, struct connection, link);

		k->is_running = false;
		/* Nobody is left to undo it; the supervisor ends all mounts. */
		k->pending_id[0] = 0;
		hang_up(k);
	}
	acceptor_stop(&c->acceptor);
	close(c->acceptor.listener);
	free(c);
}
