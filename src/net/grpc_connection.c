#include "net/grpc_connection.h"

#include <errno.h>
#include <stdlib.h>

#include "net/grpc_call.h"
#include "net/grpc_request.h"
#include "net/grpc_server.h"
#include "net/grpc_stream.h"
#include "base/clock.h"
#include "base/err.h"

enum { HANDSHAKE_PATIENCE_S = 5 };

/* --- nghttp2's callbacks --- */

/* NULL for a stream that was refused. */
static struct grpc_call *
call_of(nghttp2_session *session, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(session, stream);
}

static bool
is_full(const struct grpc_connection *k)
{
	return k->n_calls >= LIMIT_GRPC_STREAMS ||
	       k->server->n_calls >= LIMIT_GRPC_CALLS;
}

static int
on_begin_headers(
    nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct grpc_connection *k = ctx;
	int32_t stream = frame->hd.stream_id;
	struct grpc_call *c;

	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	/* Calls that were reset count until their method has ended: a peer
	 * that resets faster than that does not fill the pool's queue. */
	c = is_full(k) ? NULL : grpc_call_new(k->server, k->server->loop);
	if (c == NULL)
		return nghttp2_submit_rst_stream(
		    session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_REFUSED_STREAM);
	c->connection = k;
	c->stream = stream;
	list_push_back(&k->calls, &c->link);
	k->n_calls++;
	k->server->n_calls++;
	return nghttp2_session_set_stream_user_data(session, stream, c);
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame,
    const uint8_t *name, size_t n_name, const uint8_t *value, size_t n_value,
    uint8_t flags, void *ctx)
{
	struct grpc_call *c = call_of(session, frame->hd.stream_id);

	(void)flags, (void)ctx;
	if (c != NULL && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		grpc_request_add_header(c, name, n_name, value, n_value);
	return 0;
}

static int
on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
    const uint8_t *p, size_t n, void *ctx)
{
	struct grpc_call *c = call_of(session, stream);

	(void)flags, (void)ctx;
	if (c != NULL)
		grpc_request_add_data(c, p, n);
	return 0;
}

static void
end_handshake(struct grpc_connection *k)
{
	if (k->handshake != NULL)
		timer_cancel(take_ptr(&k->handshake));
}

static int
on_frame_received(
    nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct grpc_call *c = NULL;

	if (frame->hd.type == NGHTTP2_SETTINGS)
		end_handshake(ctx);
	if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
		c = call_of(session, frame->hd.stream_id);
	if (c == NULL)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS &&
	    frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		grpc_request_end_headers(c);
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		grpc_request_end(c);
	return 0;
}

/* An answer that came before its request did: the peer is to stop sending. */
static int
on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct grpc_call *c;

	(void)ctx;
	if (frame->hd.type != NGHTTP2_HEADERS ||
	    !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	c = call_of(session, frame->hd.stream_id);
	if (c == NULL || c->is_received)
		return 0;
	return nghttp2_submit_rst_stream(
	    session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
}

static int
on_stream_closed(
    nghttp2_session *session, int32_t stream, uint32_t code, void *ctx)
{
	struct grpc_call *c = call_of(session, stream);

	(void)code, (void)ctx;
	if (c != NULL)
		grpc_stream_close(c);
	return 0;
}

/* --- the session --- */

static void
set_callbacks(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(
	    cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
	    cb, on_data_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(
	    cb, on_frame_received);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(
	    cb, on_stream_closed);
}

static void
set_options(nghttp2_option *option)
{
	/* Clients differ in the :authority of a unix socket ("", its path,
	 * percent-encoded, none) and nghttp2 takes most of it for a protocol
	 * error; what matters of a request is checked here. */
	nghttp2_option_set_no_http_messaging(option, 1);
	/* They would be kept for a priority tree that nobody uses. */
	nghttp2_option_set_no_closed_streams(option, 1);
}

/* What the peer has heard already; its acknowledgement is still to come. */
static int
skip_greeting(nghttp2_session *session)
{
	const uint8_t *p;

	if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0) != 0)
		return -1;
	return nghttp2_session_mem_send(session, &p) > 0 ? 0 : -1;
}

/* NULL: no memory.  CONTINUATION, PING, SETTINGS and RST_STREAM floods are
 * bounded by nghttp2's defaults. */
static nghttp2_session *
session_new(struct grpc_connection *k, bool is_greeted)
{
	nghttp2_session_callbacks *cb = NULL;
	nghttp2_option *option = NULL;
	nghttp2_session *session = NULL;

	if (nghttp2_session_callbacks_new(&cb) == 0 &&
	    nghttp2_option_new(&option) == 0) {
		set_callbacks(cb);
		set_options(option);
		nghttp2_session_server_new2(&session, cb, k, option);
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(cb);
	if (session != NULL && ((is_greeted && skip_greeting(session) < 0) ||
				   grpc_wire_submit_settings(session) < 0)) {
		nghttp2_session_del(session);
		return NULL;
	}
	return session;
}

/* --- the connection --- */

static void
on_ready(void *ctx, uint32_t ready)
{
	struct grpc_connection *k = ctx;

	if (grpc_wire_serve(&k->wire, ready) < 0)
		grpc_connection_close(k);
}

static void
on_handshake_late(void *ctx)
{
	struct grpc_connection *k = ctx;

	k->handshake = NULL;
	grpc_connection_close(k);
}

static int
open_wire(struct grpc_connection *k, int fd, bool is_greeted, struct err *e)
{
	struct loop *l = k->server->loop;
	nghttp2_session *session = session_new(k, is_greeted);

	if (session == NULL)
		return err_set(e, ENOMEM, "HTTP/2 session");
	k->handshake =
	    loop_at(l, clock_now_ns() + HANDSHAKE_PATIENCE_S * NS_PER_S,
		on_handshake_late, k, e);
	if (k->handshake != NULL &&
	    grpc_wire_open(&k->wire, l, fd, session, on_ready, k, e) == 0)
		return 0;
	end_handshake(k);
	nghttp2_session_del(session);
	return -1;
}

static struct grpc_connection *
open_connection(struct grpc_server *s, int fd, bool is_greeted, struct err *e)
{
	struct grpc_connection *k = calloc(1, sizeof *k);

	if (k == NULL) {
		err_set(e, ENOMEM, "connection");
		return NULL;
	}
	k->server = s;
	list_init(&k->calls);
	if (open_wire(k, fd, is_greeted, e) < 0) {
		free(k);
		return NULL;
	}
	list_push_back(&s->connections, &k->link);
	s->n_connections++;
	return k;
}

struct grpc_connection *
grpc_connection_open(struct grpc_server *s, int fd, struct err *e)
{
	struct grpc_connection *k = open_connection(s, fd, false, e);

	if (k != NULL)
		k->serial = ++s->serial;
	return k;
}

struct grpc_connection *
grpc_connection_open_greeted(
    struct grpc_server *s, int fd, uint64_t serial, struct err *e)
{
	struct grpc_connection *k = open_connection(s, fd, true, e);

	if (k != NULL)
		k->serial = serial;
	if (k != NULL && s->serial < serial)
		s->serial = serial;
	return k;
}

/* nghttp2 does not call back for the streams of a session that is deleted. */
static void
let_go_of_calls(struct grpc_connection *k)
{
	struct list *l;

	list_for_each_safe(link, &k->calls) {
		struct grpc_call *c = list_entry(link, struct grpc_call, link);

		if (c->stream != 0)
			grpc_stream_close(c);
	}
	while ((l = list_pop_front(&k->calls)) != NULL) {
		list_entry(l, struct grpc_call, link)->connection = NULL;
		list_push_back(&k->server->orphans, l);
	}
}

void
grpc_connection_close(struct grpc_connection *k)
{
	struct grpc_server *s = k->server;
	uint64_t serial = k->serial;

	end_handshake(k);
	let_go_of_calls(k);
	grpc_wire_close(&k->wire);
	list_remove(&k->link);
	s->n_connections--;
	free(k);
	if (s->options.on_close != NULL)
		s->options.on_close(s->options.ctx, serial);
	grpc_server_note_closed(s);
}

void
grpc_connection_flush(struct grpc_connection *k)
{
	if (grpc_wire_flush(&k->wire) < 0)
		grpc_connection_close(k);
}

void
grpc_connection_drain(struct grpc_connection *k)
{
	nghttp2_session *session = k->wire.session;

	nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
	    nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_NO_ERROR,
	    NULL, 0);
	grpc_connection_flush(k);
}
