#include "net/grpc_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/grpc_call.h"
#include "net/grpc_connection.h"
#include "net/grpc_server.h"

#define FIELD(n, v)                                                   \
	(nghttp2_nv)                                                  \
	{                                                             \
		(uint8_t *)(n), (uint8_t *)(v), strlen(n), strlen(v), \
		    NGHTTP2_NV_FLAG_NONE                              \
	}

static nghttp2_session *
session_of(struct grpc_call *c)
{
	return c->connection->wire.session;
}

static void
reset(struct grpc_call *c, uint32_t code)
{
	nghttp2_submit_rst_stream(
	    session_of(c), NGHTTP2_FLAG_NONE, c->stream, code);
}

/* --- the answer --- */

/* What the outbox held is not to be sent. */
static void
drop_outbox(struct grpc_call *c)
{
	struct list *l;

	while ((l = list_pop_front(&c->outbox)) != NULL) {
		struct grpc_piece *piece =
		    list_entry(l, struct grpc_piece, link);

		c->connection->held_bytes -= piece->n;
		grpc_call_make_room(c, piece->n - piece->at);
		free(piece);
	}
}

static size_t
copy_piece(struct grpc_call *c, uint8_t *to, size_t room)
{
	struct grpc_piece *piece =
	    list_entry(c->outbox.next, struct grpc_piece, link);
	size_t n = min_u64(room, piece->n - piece->at);

	memcpy(to, piece->bytes + piece->at, n);
	piece->at += n;
	grpc_call_make_room(c, n);
	if (piece->at == piece->n) {
		c->connection->held_bytes -= piece->n;
		list_remove(&piece->link);
		free(piece);
	}
	return n;
}

enum { STATUS_SIZE = 4 };

/* The fields that end a call; `text` must live until they are submitted. */
static size_t
end_fields(const struct grpc_end *end, nghttp2_nv to[2],
    char status[STATUS_SIZE], char text[GRPC_TEXT_SIZE])
{
	snprintf(status, STATUS_SIZE, "%u", end->status % 100u);
	to[0] = FIELD("grpc-status", status);
	if (end->text == NULL || end->text[0] == 0)
		return 1;
	grpc_text_encode(text, end->text);
	to[1] = FIELD("grpc-message", text);
	return 2;
}

static int
submit_trailer(struct grpc_call *c)
{
	char status[STATUS_SIZE], text[GRPC_TEXT_SIZE];
	nghttp2_nv fields[2];
	size_t n = end_fields(&c->end, fields, status, text);

	return nghttp2_submit_trailer(session_of(c), c->stream, fields, n);
}

static ssize_t
on_read(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
    uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct grpc_call *c = source->ptr;
	size_t n = 0;

	(void)session, (void)stream, (void)ctx;
	while (n < room && !list_is_empty(&c->outbox))
		n += copy_piece(c, to + n, room - n);
	if (list_is_empty(&c->outbox) && c->is_over) {
		*flags |=
		    NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (submit_trailer(c) != 0)
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	} else if (n == 0) {
		return NGHTTP2_ERR_DEFERRED;
	}
	return n;
}

/* One HEADERS frame that is the whole answer. */
static int
submit_end(struct grpc_call *c)
{
	char status[STATUS_SIZE], text[GRPC_TEXT_SIZE];
	nghttp2_nv fields[4] = { FIELD(":status", "200"),
		FIELD("content-type", "application/grpc") };
	size_t n = end_fields(&c->end, fields + 2, status, text);

	return nghttp2_submit_response(
	    session_of(c), c->stream, fields, 2 + n, NULL);
}

static int
submit_start(struct grpc_call *c)
{
	const nghttp2_nv fields[] = { FIELD(":status", "200"),
		FIELD("content-type", "application/grpc") };
	nghttp2_data_provider body = { .source.ptr = c,
		.read_callback = on_read };

	return nghttp2_submit_response(
	    session_of(c), c->stream, fields, 2, &body);
}

/* Hands the session what there is. */
static void
submit(struct grpc_call *c)
{
	bool has_data = !list_is_empty(&c->outbox);
	int rc = 0;

	if (c->is_answering)
		nghttp2_session_resume_data(session_of(c), c->stream);
	else if (has_data)
		rc = submit_start(c);
	else if (c->is_over)
		rc = submit_end(c);
	if (rc != 0)
		reset(c, NGHTTP2_INTERNAL_ERROR);
	c->is_answering = c->is_answering || has_data || c->is_over;
}

void
grpc_stream_end(struct grpc_call *c, enum grpc_status status, const char *text)
{
	if (c->is_over)
		return;
	drop_outbox(c);
	c->is_over = true;
	c->end.status = status;
	c->end.text = strdup(text);
	submit(c);
	grpc_call_cancel(c);
}

void
grpc_stream_refuse(struct grpc_call *c, const char *http_status)
{
	const nghttp2_nv field = FIELD(":status", http_status);

	c->is_over = c->is_answering = true;
	if (nghttp2_submit_response(
		session_of(c), c->stream, &field, 1, NULL) != 0)
		reset(c, NGHTTP2_INTERNAL_ERROR);
}

/* Takes over what the method sent. */
static void
take_sent(struct grpc_call *c)
{
	struct grpc_connection *k = c->connection;

	k->held_bytes += grpc_call_take_sent(c, &c->outbox);
	if (c->is_over)
		drop_outbox(c);
	else if (k->held_bytes > LIMIT_GRPC_CONNECTION_BYTES)
		grpc_stream_end(c, GRPC_RESOURCE_EXHAUSTED,
		    "the answers on this connection are over the limit");
}

void
grpc_stream_on_wake(struct deferred *d)
{
	struct grpc_call *c = container_of(d, struct grpc_call, wake);

	if (c->stream == 0)
		return;
	take_sent(c);
	submit(c);
	grpc_connection_flush(c->connection);
}

static void
release_request(struct grpc_call *c)
{
	c->connection->held_bytes -= c->request.bytes.len;
	grpc_message_release(&c->request);
}

/* The verdict becomes the end, unless there is one already. */
static void
end_as_told(struct grpc_call *c)
{
	if (c->is_over)
		return;
	c->is_over = true;
	c->end = c->verdict;
	c->verdict.text = NULL;
	/* Cancelled, yet the peer is there: it stopped reading. */
	if (grpc_call_is_cancelled(c))
		reset(c, NGHTTP2_CANCEL);
	else
		submit(c);
}

static void
discard(struct grpc_call *c)
{
	if (c->connection != NULL) {
		release_request(c);
		c->connection->n_calls--;
	}
	c->server->n_calls--;
	grpc_call_free(c);
}

void
grpc_stream_on_ended(struct deferred *d)
{
	struct grpc_call *c = container_of(d, struct grpc_call, ended);

	c->is_running = false;
	if (c->stream == 0) {
		discard(c);
		return;
	}
	release_request(c);
	take_sent(c);
	end_as_told(c);
	grpc_connection_flush(c->connection);
}

void
grpc_stream_close(struct grpc_call *c)
{
	c->stream = 0;
	if (c->deadline != NULL)
		timer_cancel(take_ptr(&c->deadline));
	drop_outbox(c);
	if (c->is_running)
		grpc_call_cancel(c);
	else
		discard(c);
}
