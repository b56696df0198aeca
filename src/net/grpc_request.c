#include "net/grpc_request.h"

#include <string.h>

#include "net/grpc_call.h"
#include "net/grpc_connection.h"
#include "net/grpc_server.h"
#include "net/grpc_stream.h"
#include "base/clock.h"
#include "base/err.h"

static bool
is_value(const uint8_t *value, size_t n, const char *wanted)
{
	return n == strlen(wanted) && memcmp(value, wanted, n) == 0;
}

/* "application/grpc", alone or with "+proto" or parameters. */
static bool
is_grpc_type(const uint8_t *value, size_t n)
{
	static const char type[] = "application/grpc";
	size_t length = sizeof type - 1;

	return n >= length && memcmp(value, type, length) == 0 &&
	       (n == length || value[length] == '+' || value[length] == ';');
}

/* What is no path has no method, and is not kept. */
static char *
copy_path(const uint8_t *value, size_t n)
{
	if (n == 0 || n > LIMIT_GRPC_PATH_BYTES || value[0] != '/')
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (value[i] <= ' ' || value[i] > '~')
			return NULL;
	return strndup((const char *)value, n);
}

static void
set_timeout(struct grpc_call *c, const uint8_t *value, size_t n)
{
	uint64_t timeout_ns;

	if (grpc_timeout_parse(value, n, &timeout_ns))
		c->deadline_ns = clock_now_ns() + timeout_ns;
	else
		c->has_bad_timeout = true;
}

void
grpc_request_add_header(struct grpc_call *c, const uint8_t *name, size_t n_name,
    const uint8_t *value, size_t n_value)
{
	/* HTTP/2 counts 32 bytes for each field besides. */
	c->header_bytes += n_name + n_value + 32;
	if (c->header_bytes > LIMIT_GRPC_HEADER_BYTES)
		return;
	if (is_value(name, n_name, ":method"))
		c->is_post = is_value(value, n_value, "POST");
	else if (is_value(name, n_name, ":path") && c->path == NULL)
		c->path = copy_path(value, n_value);
	else if (is_value(name, n_name, "content-type"))
		c->is_grpc = is_grpc_type(value, n_value);
	else if (is_value(name, n_name, "grpc-timeout"))
		set_timeout(c, value, n_value);
	else
		grpc_fields_add(&c->metadata, name, n_name, value, n_value);
}

static void
find_method(struct grpc_call *c)
{
	const struct grpc_server_options *o = &c->server->options;

	c->ctx = o->ctx;
	if (c->path == NULL)
		return;
	c->run = o->otherwise;
	for (size_t i = 0; i < o->n_methods; i++)
		if (strcmp(o->methods[i].path, c->path) == 0)
			c->run = o->methods[i].run;
}

static void
on_deadline(void *ctx)
{
	struct grpc_call *c = ctx;

	c->deadline = NULL;
	grpc_stream_end(c, GRPC_DEADLINE_EXCEEDED, "the deadline has passed");
	grpc_connection_flush(c->connection);
}

static void
start_deadline(struct grpc_call *c)
{
	struct err e = ERR_INIT;

	c->deadline = loop_at(c->loop, c->deadline_ns, on_deadline, c, &e);
	if (c->deadline == NULL)
		grpc_stream_end(c, GRPC_RESOURCE_EXHAUSTED, e.msg);
}

void
grpc_request_end_headers(struct grpc_call *c)
{
	find_method(c);
	if (c->header_bytes > LIMIT_GRPC_HEADER_BYTES)
		grpc_stream_end(
		    c, GRPC_RESOURCE_EXHAUSTED, "the header is over the limit");
	else if (!c->is_post)
		grpc_stream_refuse(c, "405");
	else if (!c->is_grpc)
		grpc_stream_refuse(c, "415");
	else if (c->has_bad_timeout)
		grpc_stream_end(
		    c, GRPC_INVALID_ARGUMENT, "grpc-timeout is damaged");
	else if (c->run == NULL)
		grpc_stream_end(
		    c, GRPC_UNIMPLEMENTED, "there is no such method");
	else if (c->deadline_ns != 0)
		start_deadline(c);
}

void
grpc_request_add_data(struct grpc_call *c, const uint8_t *p, size_t n)
{
	struct grpc_connection *k = c->connection;
	size_t before = c->request.bytes.len;
	enum grpc_status status;
	const char *why;

	if (c->is_over)
		return;
	if (k->held_bytes + n > LIMIT_GRPC_CONNECTION_BYTES) {
		grpc_stream_end(c, GRPC_RESOURCE_EXHAUSTED,
		    "the requests on this connection are over the limit");
		return;
	}
	status = grpc_message_add(&c->request, p, n, &why);
	k->held_bytes += c->request.bytes.len - before;
	if (status != GRPC_OK)
		grpc_stream_end(c, status, why);
}

void
grpc_request_end(struct grpc_call *c)
{
	c->is_received = true;
	if (c->is_over)
		return;
	if (grpc_message_is_whole(&c->request))
		grpc_call_start(c, c->server->options.pool);
	else
		grpc_stream_end(c, GRPC_INTERNAL, "the message is cut short");
}
