#include "net/grpc_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

/* --- the end --- */

/* Not from within nghttp2's own closing of the stream. */
static void
leave_stream(struct grpc_exchange *x)
{
	nghttp2_session *session = x->on->wire.session;

	nghttp2_session_set_stream_user_data(session, x->stream, NULL);
	nghttp2_submit_rst_stream(
	    session, NGHTTP2_FLAG_NONE, x->stream, NGHTTP2_CANCEL);
}

void
grpc_exchange_end(
    struct grpc_exchange *x, enum grpc_status status, const char *text)
{
	struct grpc_client_call *call = x->call;
	struct grpc_answer a = { .status = status, .text = text };

	if (x->on != NULL && x->stream != 0)
		leave_stream(x);
	if (x->deadline != NULL)
		timer_cancel(x->deadline);
	list_remove(&x->link);
	call->exchange = NULL;
	atomic_store(&call->is_cancelled, false);
	if (status == GRPC_OK)
		a.message = grpc_message_bytes(&x->message, &a.n);
	call->on_done(call, &a);
	grpc_message_release(&x->message);
	free(x);
}

static void
end_with_answer(struct grpc_exchange *x)
{
	if (x->status == GRPC_OK && !grpc_message_is_whole(&x->message))
		grpc_exchange_end(x, GRPC_INTERNAL, "an answer cut short");
	else
		grpc_exchange_end(x, x->status, x->text);
}

static void
end_without_answer(struct grpc_exchange *x, uint32_t code)
{
	char text[80];

	if (code != NGHTTP2_NO_ERROR) {
		snprintf(text, sizeof text, "the server ended the call: %s",
		    nghttp2_http2_strerror(code));
		grpc_exchange_end(x, GRPC_UNAVAILABLE, text);
	} else if (x->http_status != 200) {
		snprintf(text, sizeof text, "HTTP status %d", x->http_status);
		grpc_exchange_end(x, GRPC_INTERNAL, text);
	} else {
		grpc_exchange_end(x, GRPC_INTERNAL, "an answer without status");
	}
}

/* GOAWAY closes the streams it excludes with the same code. */
void
grpc_exchange_on_closed(struct grpc_exchange *x, uint32_t code)
{
	x->stream = 0;
	if (x->status >= 0) {
		end_with_answer(x);
	} else if (code == NGHTTP2_REFUSED_STREAM && !x->is_again) {
		list_remove(&x->link);
		list_push_back(&x->on->client->waiting, &x->link);
		x->is_again = true;
		x->on = NULL;
		x->sent = 0;
	} else {
		end_without_answer(x, code);
	}
}

/* --- the answer --- */

static int
to_number(const uint8_t *value, size_t n)
{
	int v = 0;

	if (n == 0 || n > 4)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (value[i] < '0' || value[i] > '9')
			return -1;
		v = 10 * v + (value[i] - '0');
	}
	return v;
}

static bool
is_name(const uint8_t *name, size_t n, const char *wanted)
{
	return n == strlen(wanted) && memcmp(name, wanted, n) == 0;
}

void
grpc_exchange_add_header(struct grpc_exchange *x, const uint8_t *name,
    size_t n_name, const uint8_t *value, size_t n_value)
{
	if (is_name(name, n_name, ":status"))
		x->http_status = to_number(value, n_value);
	else if (is_name(name, n_name, "grpc-status"))
		x->status = to_number(value, n_value);
	else if (is_name(name, n_name, "grpc-message"))
		grpc_text_decode(x->text, value, n_value);
}

void
grpc_exchange_add_data(struct grpc_exchange *x, const uint8_t *p, size_t n)
{
	const char *why;
	enum grpc_status status = grpc_message_add(&x->message, p, n, &why);

	if (status != GRPC_OK)
		grpc_exchange_end(x, status, why);
}

/* --- the request --- */

static ssize_t
on_read(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
    uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct grpc_exchange *x =
	    nghttp2_session_get_stream_user_data(session, stream);
	size_t n = 0, left;

	(void)source, (void)ctx;
	if (x == NULL) /* ended meanwhile */
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	for (; n < room && x->sent < sizeof x->prefix; x->sent++)
		to[n++] = x->prefix[x->sent];
	if (x->sent < sizeof x->prefix)
		return n;
	left = sizeof x->prefix + x->call->n - x->sent;
	room = min_u64(room - n, left);
	if (room > 0)
		memcpy(to + n,
		    (const uint8_t *)x->call->message + x->call->n - left,
		    room);
	x->sent += room;
	if (room == left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return n + room;
}

enum { OWN_FIELDS = 8 };

static nghttp2_nv
field(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name),
		strlen(value), NGHTTP2_NV_FLAG_NONE };
}

/* `to` has room for OWN_FIELDS and the metadata. */
static size_t
request_fields(const struct grpc_client_call *call, nghttp2_nv *to,
    char timeout[GRPC_TIMEOUT_SIZE])
{
	uint64_t now = clock_now_ns();
	size_t n = 0;

	to[n++] = field(":method", "POST");
	to[n++] = field(":scheme", "http");
	to[n++] = field(":path", call->path);
	to[n++] = field(":authority", "localhost");
	to[n++] = field("content-type", "application/grpc");
	to[n++] = field("user-agent", "grpc-layerfs");
	to[n++] = field("te", "trailers");
	if (call->deadline_ns != 0) {
		grpc_timeout_format(timeout,
		    call->deadline_ns > now ? call->deadline_ns - now : 1);
		to[n++] = field("grpc-timeout", timeout);
	}
	for (size_t i = 0; i < call->n_metadata; i++)
		to[n++] =
		    field(call->metadata[i].name, call->metadata[i].value);
	return n;
}

int
grpc_exchange_submit(
    struct grpc_exchange *x, struct grpc_link *k, struct err *e)
{
	nghttp2_data_provider body = { .read_callback = on_read };
	char timeout[GRPC_TIMEOUT_SIZE];
	AUTO_FREE nghttp2_nv *fields =
	    calloc(OWN_FIELDS + x->call->n_metadata, sizeof *fields);
	int32_t stream;

	if (fields == NULL)
		return err_set(e, ENOMEM, "request");
	stream = nghttp2_submit_request(k->wire.session, NULL, fields,
	    request_fields(x->call, fields, timeout), &body, x);
	if (stream < 0)
		return err_set(
		    e, EAGAIN, "request: %s", nghttp2_strerror(stream));
	x->stream = stream;
	x->on = k;
	list_remove(&x->link);
	list_push_back(&k->exchanges, &x->link);
	return 0;
}
