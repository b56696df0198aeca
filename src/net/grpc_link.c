#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/grpc_exchange.h"
#include "base/cleanup.h"
#include "base/err.h"

/* --- nghttp2's callbacks; the user data of a stream whose call has ended is
 * NULL --- */

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame,
    const uint8_t *name, size_t n_name, const uint8_t *value, size_t n_value,
    uint8_t flags, void *ctx)
{
	struct grpc_exchange *x =
	    nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)flags, (void)ctx;
	if (x != NULL)
		grpc_exchange_add_header(x, name, n_name, value, n_value);
	return 0;
}

static int
on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
    const uint8_t *p, size_t n, void *ctx)
{
	struct grpc_exchange *x =
	    nghttp2_session_get_stream_user_data(session, stream);

	(void)flags, (void)ctx;
	if (x != NULL)
		grpc_exchange_add_data(x, p, n);
	return 0;
}

static int
on_frame_received(
    nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct grpc_link *k = ctx;

	(void)session;
	if (frame->hd.type == NGHTTP2_GOAWAY && k->client->link == k)
		k->client->link = NULL;
	return 0;
}

static int
on_stream_closed(
    nghttp2_session *session, int32_t stream, uint32_t code, void *ctx)
{
	struct grpc_exchange *x =
	    nghttp2_session_get_stream_user_data(session, stream);

	(void)ctx;
	if (x != NULL)
		grpc_exchange_on_closed(x, code);
	return 0;
}

/* --- the connection --- */

static nghttp2_session *
session_new(struct grpc_link *k)
{
	nghttp2_session_callbacks *cb;
	nghttp2_session *session = NULL;

	if (nghttp2_session_callbacks_new(&cb) != 0)
		return NULL;
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
	    cb, on_data_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(
	    cb, on_frame_received);
	nghttp2_session_callbacks_set_on_stream_close_callback(
	    cb, on_stream_closed);
	nghttp2_session_client_new(&session, cb, k);
	nghttp2_session_callbacks_del(cb);
	if (session != NULL && grpc_wire_submit_settings(session) < 0) {
		nghttp2_session_del(session);
		return NULL;
	}
	return session;
}

static int
connect_client(const struct grpc_client *c, int *fd, struct err *e)
{
	const struct sockaddr *address = (const struct sockaddr *)&c->address;

	if (c->connect != NULL)
		return c->connect(c->connect_ctx, fd, e);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return err_sys(e, "socket");
	if (connect(*fd, address, sizeof c->address) < 0)
		return err_sys(e, "connect to %s", c->address.sun_path);
	return 0;
}

static void
on_ready(void *ctx, uint32_t ready)
{
	struct grpc_link *k = ctx;
	struct grpc_client *c = k->client;

	if (grpc_wire_serve(&k->wire, ready) < 0)
		grpc_link_close(k);
	grpc_client_send_waiting(c);
}

static int
open_wire(struct grpc_link *k, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	nghttp2_session *session;

	if (connect_client(k->client, &fd, e) < 0)
		return -1;
	session = session_new(k);
	if (session == NULL)
		return err_set(e, ENOMEM, "HTTP/2 session");
	if (grpc_wire_open(
		&k->wire, k->client->loop, fd, session, on_ready, k, e) < 0) {
		nghttp2_session_del(session);
		return -1;
	}
	take_fd(&fd);
	return 0;
}

struct grpc_link *
grpc_link_open(struct grpc_client *c, struct err *e)
{
	struct grpc_link *k = calloc(1, sizeof *k);

	if (k == NULL) {
		err_set(e, ENOMEM, "connection");
		return NULL;
	}
	k->client = c;
	list_init(&k->exchanges);
	if (open_wire(k, e) < 0) {
		free(k);
		return NULL;
	}
	list_push_back(&c->links, &k->link);
	c->link = k;
	return k;
}

void
grpc_link_close(struct grpc_link *k)
{
	if (k->client->link == k)
		k->client->link = NULL;
	list_remove(&k->link);
	grpc_wire_close(&k->wire);
	/* First of all of them: what is told of one end may cancel another. */
	list_for_each(l, &k->exchanges)
		list_entry(l, struct grpc_exchange, link)->on = NULL;
	while (!list_is_empty(&k->exchanges)) {
		struct grpc_exchange *x =
		    list_entry(k->exchanges.next, struct grpc_exchange, link);

		x->on = NULL;
		grpc_exchange_end(x, GRPC_UNAVAILABLE, "the connection broke");
	}
	free(k);
}

void
grpc_link_flush(struct grpc_link *k)
{
	if (grpc_wire_flush(&k->wire) < 0)
		grpc_link_close(k);
}
