#include "net/grpc_wire.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/loop.h"

enum {
	READ_BYTES = 64 << 10,
	OUT_BYTES = 64 << 10, /* what one write is gathered up to */
	/* nghttp2 gives a frame at a time: 16 KiB of data, or headers. */
	OUT_MAX = OUT_BYTES + (256 << 10),
	QUEUE_MAX = 2 * LIMIT_GRPC_STREAMS, /* frames that wait to be written */
	STREAM_WINDOW = 1 << 20,
	CONNECTION_WINDOW = 8 << 20,
};

int
grpc_wire_open(struct grpc_wire *w, struct loop *l, int fd,
    nghttp2_session *session, void (*on_ready)(void *ctx, uint32_t ready),
    void *ctx, struct err *e)
{
	*w = (struct grpc_wire){ .out = BUF_INIT(OUT_MAX) };
	w->watch = loop_watch(l, fd, EPOLLIN, on_ready, ctx, e);
	if (w->watch == NULL)
		return -1;
	w->fd = fd;
	w->session = session;
	return 0;
}

void
grpc_wire_close(struct grpc_wire *w)
{
	watch_remove(w->watch);
	shutdown(w->fd, SHUT_RDWR);
	close(w->fd);
	nghttp2_session_del(w->session);
	buf_release(&w->out);
}

int
grpc_wire_submit_settings(nghttp2_session *session)
{
	/* The last is for a client to say. */
	const nghttp2_settings_entry entries[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, LIMIT_GRPC_STREAMS },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
		    LIMIT_GRPC_HEADER_BYTES },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
	};
	size_t n = sizeof entries / sizeof *entries;

	if (nghttp2_session_check_server_session(session))
		n--;
	if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries, n) !=
		0 ||
	    nghttp2_session_set_local_window_size(
		session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) != 0)
		return -1;
	return 0;
}

/* --- writing --- */

static bool
has_output(const struct grpc_wire *w)
{
	return w->out_at < w->out.len;
}

/* Up to OUT_BYTES, so that the frames of an answer leave together. */
static int
gather(struct grpc_wire *w)
{
	struct err e;

	while (w->out.len < OUT_BYTES) {
		const uint8_t *p;
		ssize_t n;

		w->is_in_session = true;
		n = nghttp2_session_mem_send(w->session, &p);
		w->is_in_session = false;
		if (n == 0)
			return 0;
		if (n < 0 || buf_append(&w->out, p, n, &e) < 0)
			return -1;
	}
	return 0;
}

/* False when the socket takes no more now, or is broken (errno). */
static bool
send_gathered(struct grpc_wire *w)
{
	while (has_output(w)) {
		ssize_t n = send(w->fd, w->out.data + w->out_at,
		    w->out.len - w->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		w->out_at += n;
	}
	if (w->out.len > 0)
		explicit_bzero(w->out.data, w->out.len);
	w->out.len = w->out_at = 0;
	return true;
}

/* An idle connection holds no buffer. */
static void
set_events(struct grpc_wire *w)
{
	bool is_flooded =
	    has_output(w) &&
	    nghttp2_session_get_outbound_queue_size(w->session) > QUEUE_MAX;

	if (!has_output(w))
		buf_release(&w->out);
	watch_set_events(w->watch,
	    (is_flooded ? 0 : EPOLLIN) | (has_output(w) ? EPOLLOUT : 0));
}

int
grpc_wire_flush(struct grpc_wire *w)
{
	if (w->is_in_session)
		return 0;
	for (;;) {
		if (!send_gathered(w)) {
			if (errno != EAGAIN)
				return -1;
			break;
		}
		if (gather(w) < 0)
			return -1;
		if (!has_output(w))
			break;
	}
	set_events(w);
	if (has_output(w) || nghttp2_session_want_read(w->session) ||
	    nghttp2_session_want_write(w->session))
		return 0;
	return -1;
}

/* --- reading --- */

static int
receive(struct grpc_wire *w)
{
	uint8_t bytes[READ_BYTES];
	ssize_t n = recv(w->fd, bytes, sizeof bytes, MSG_DONTWAIT), taken;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0)
		return -1;
	w->is_in_session = true;
	taken = nghttp2_session_mem_recv(w->session, bytes, n);
	w->is_in_session = false;
	explicit_bzero(bytes, n);
	return taken < 0 ? -1 : 0;
}

int
grpc_wire_serve(struct grpc_wire *w, uint32_t ready)
{
	if ((ready & ~(uint32_t)EPOLLOUT) != 0 && receive(w) < 0)
		return -1;
	return grpc_wire_flush(w);
}
