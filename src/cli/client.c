#include "cli/client.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/rights.h"

#include "layerfs/control.h"

struct client {
	int fd;
	struct buf in;   /* what was received and not consumed */
	size_t searched; /* no newline lies before it */
	int fds[LAYERFS_CONTROL_FDS];
	size_t n_fds, next_fd;
};

static int
check_owner(int fd, struct err *e)
{
	struct ucred peer;
	socklen_t n = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return err_sys(e, "who listens on the socket");
	if (peer.uid != 0 && peer.uid != geteuid())
		return err_set(e, EACCES,
		    "the daemon there runs as user %u, not as root or you",
		    peer.uid);
	return 0;
}

struct client *
client_connect(int run, struct err *e)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct client *c;

	if (fd < 0) {
		err_sys(e, "socket");
		return NULL;
	}
	/* Through the descriptor: a socket's address holds 108 bytes, a run
	 * folder's path may be longer, and cannot be swapped meanwhile. */
	snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/%s", run,
	    LAYERFS_CONTROL_SOCKET);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			err_set(e, ECONNREFUSED, "no daemon answers");
		else if (errno == EACCES)
			err_set(e, EACCES,
			    "the daemon there speaks to its own user alone; "
			    "without --run and LAYERFS_RUN you have one of "
			    "your own");
		else
			err_sys(e, "connect to the daemon");
		return NULL;
	}
	if (check_owner(fd, e) < 0)
		return NULL;
	c = calloc(1, sizeof *c);
	assert(c != NULL);
	c->fd = take_fd(&fd);
	buf_init(&c->in, LIMIT_CONTROL_MESSAGE_BYTES);
	return c;
}

static void
close_fds(struct client *c)
{
	for (; c->next_fd < c->n_fds; c->next_fd++)
		close(c->fds[c->next_fd]);
	c->n_fds = c->next_fd = 0;
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	close_fds(c);
	buf_release(&c->in);
	close(c->fd);
	free(c);
}

int
client_take_fd(struct client *c)
{
	return c->next_fd < c->n_fds ? c->fds[c->next_fd++] : -1;
}

static int
lost(struct err *e)
{
	return err_set(e, ECONNRESET,
	    "the daemon closed the connection before it answered");
}

/* The descriptors go with the first byte. */
static int
send_line(struct client *c, const char *p, size_t n, const int *fds,
    size_t n_fds, struct err *e)
{
	while (n > 0) {
		ssize_t put = rights_send(c->fd, p, n, 0, fds, n_fds);

		if (put < 0)
			return errno == EPIPE || errno == ECONNRESET
				   ? lost(e)
				   : err_sys(e, "send to the daemon");
		p += put;
		n -= put;
		n_fds = 0;
	}
	return 0;
}

static int
send_request(struct client *c, const struct doc *request, const int *fds,
    size_t n_fds, struct err *e)
{
	AUTO_FREE char *line = doc_to_json(request, false);
	size_t n = strlen(line);
	int failed;

	assert(n_fds <= LAYERFS_CONTROL_FDS);
	line[n] = '\n'; /* where the NUL was */
	if (n + 1 > LIMIT_CONTROL_MESSAGE_BYTES)
		failed = err_set(e, E2BIG, "a request of %zu bytes", n + 1);
	else
		failed = send_line(c, line, n + 1, fds, n_fds, e);
	explicit_bzero(line, n + 1); /* it may hold a password */
	return failed;
}

/* Keeps what there is room for. */
static int
keep_fds(struct client *c, struct rights *r, struct err *e)
{
	if (r->is_cut || r->n > LAYERFS_CONTROL_FDS - c->n_fds) {
		rights_close(r);
		return err_set(
		    e, EPROTO, "the daemon sent too many descriptors");
	}
	memcpy(c->fds + c->n_fds, r->fds, r->n * sizeof *r->fds);
	c->n_fds += r->n;
	return 0;
}

static int
receive_more(struct client *c, struct err *e)
{
	struct rights r;
	ssize_t got;

	/* A line may be as long as the buffer's ceiling, not longer. */
	if (buf_reserve(&c->in, 1, e) < 0)
		return err_set(e, EPROTO, "an answer larger than %d bytes",
		    LIMIT_CONTROL_MESSAGE_BYTES);
	if (buf_reserve(&c->in, min_u64(KIB(64), c->in.max - c->in.len), e) < 0)
		return -1;
	got = rights_receive(
	    c->fd, c->in.data + c->in.len, c->in.cap - c->in.len, 0, &r);
	if (got < 0)
		return errno == ECONNRESET
			   ? lost(e)
			   : err_sys(e, "receive from the daemon");
	if (got == 0)
		return lost(e);
	c->in.len += got;
	return keep_fds(c, &r, e);
}

static struct doc *
receive_message(struct client *c, struct err *e)
{
	struct doc *message;
	uint8_t *newline;
	size_t n;

	for (;;) {
		size_t left = c->in.len - c->searched;

		newline = left == 0
			      ? NULL
			      : memchr(c->in.data + c->searched, '\n', left);
		if (newline != NULL)
			break;
		c->searched = c->in.len;
		if (receive_more(c, e) < 0)
			return NULL;
	}
	n = newline - c->in.data;
	message = doc_parse_json(c->in.data, n, e);
	if (message == NULL) {
		err_wrap(e, "the daemon's answer");
		e->code = EPROTO;
	}
	c->in.len -= n + 1;
	memmove(c->in.data, newline + 1, c->in.len);
	c->searched = 0;
	return message;
}

/* Whether the result is one, and is ok. */
static int
check_result(const struct doc *result, bool *is_refusal, struct err *e)
{
	const struct doc *error = doc_find(result, "error");
	const char *code = doc_string(doc_find(error, "code"));
	const char *message = doc_string(doc_find(error, "message"));

	if (!doc_is_bool(doc_find(result, "ok")))
		return err_set(e, EPROTO, "the daemon's answer is no result");
	if (doc_bool(doc_find(result, "ok")))
		return 0;
	if (code == NULL || message == NULL)
		return err_set(e, EPROTO, "the daemon failed without a word");
	*is_refusal = true;
	return err_set(e, err_code_from_name(code), "%s", message);
}

struct doc *
client_call(struct client *c, const struct doc *request, const int *fds,
    size_t n_fds, void (*on_event)(void *ctx, const struct doc *event),
    void *ctx, bool *is_refusal, struct err *e)
{
	*is_refusal = false;
	close_fds(c);
	/* A daemon that hung up may have said why before. */
	if (send_request(c, request, fds, n_fds, e) < 0 &&
	    e->code != ECONNRESET)
		return NULL;
	for (;;) {
		AUTO_DOC struct doc *message = receive_message(c, e);

		if (message == NULL)
			return NULL;
		if (doc_find(message, "event") != NULL) {
			if (on_event != NULL)
				on_event(ctx, message);
			continue;
		}
		if (check_result(message, is_refusal, e) < 0)
			return NULL;
		return take_ptr(&message);
	}
}
