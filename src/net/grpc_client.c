#include "net/grpc_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/grpc_exchange.h"
#include "base/clock.h"
#include "base/err.h"

static void
end_unsent(
    struct grpc_client_call *call, enum grpc_status status, const char *text)
{
	struct grpc_answer a = { .status = status, .text = text };

	atomic_store(&call->is_cancelled, false);
	call->on_done(call, &a);
}

/* A link that takes no more calls (the server said so, or its stream ids are
 * used up) is replaced, once. */
static int
submit(struct grpc_client *c, struct grpc_exchange *x, struct err *e)
{
	for (int i = 0; i < 2; i++) {
		struct grpc_link *k =
		    c->link != NULL ? c->link : grpc_link_open(c, e);

		if (k == NULL)
			return -1;
		if (grpc_exchange_submit(x, k, e) == 0) {
			grpc_link_flush(k);
			return 0;
		}
		c->link = NULL;
	}
	return -1;
}

void
grpc_client_send_waiting(struct grpc_client *c)
{
	while (!list_is_empty(&c->waiting)) {
		struct grpc_exchange *x =
		    list_entry(c->waiting.next, struct grpc_exchange, link);
		struct err e = ERR_INIT;

		if (submit(c, x, &e) < 0)
			grpc_exchange_end(x, GRPC_UNAVAILABLE, e.msg);
	}
}

static void
on_deadline(void *ctx)
{
	struct grpc_exchange *x = ctx;
	struct grpc_link *k = x->on;

	x->deadline = NULL;
	grpc_exchange_end(x, GRPC_DEADLINE_EXCEEDED, "the deadline has passed");
	if (k != NULL)
		grpc_link_flush(k);
}

static struct grpc_exchange *
exchange_new(struct grpc_client *c, struct grpc_client_call *call)
{
	struct grpc_exchange *x = calloc(1, sizeof *x);
	struct err e;

	if (x == NULL)
		return NULL;
	list_init(&x->link);
	x->call = call;
	x->status = -1;
	grpc_message_init(&x->message);
	grpc_message_put_prefix(x->prefix, call->n);
	if (call->deadline_ns == 0)
		return x;
	x->deadline = loop_at(c->loop, call->deadline_ns, on_deadline, x, &e);
	if (x->deadline == NULL) {
		free(x);
		return NULL;
	}
	return x;
}

static void
on_start(struct deferred *d)
{
	struct grpc_client_call *call =
	    container_of(d, struct grpc_client_call, start);
	struct grpc_client *c = call->client;

	if (atomic_load(&call->is_cancelled)) {
		end_unsent(call, GRPC_CANCELLED, "cancelled");
		return;
	}
	call->exchange = exchange_new(c, call);
	if (call->exchange == NULL) {
		end_unsent(call, GRPC_RESOURCE_EXHAUSTED, "no memory");
		return;
	}
	list_push_back(&c->waiting, &call->exchange->link);
	grpc_client_send_waiting(c);
}

void
grpc_client_send(struct grpc_client *c, struct grpc_client_call *call)
{
	call->client = c;
	call->start.run = on_start;
	loop_defer(c->loop, &call->start);
}

void
grpc_client_cancel(struct grpc_client_call *call)
{
	struct grpc_exchange *x = call->exchange;
	struct grpc_link *k;

	atomic_store(&call->is_cancelled, true);
	if (x == NULL)
		return;
	k = x->on;
	grpc_exchange_end(x, GRPC_CANCELLED, "cancelled");
	if (k != NULL)
		grpc_link_flush(k);
}

struct grpc_client *
grpc_client_new(struct loop *l, const char *path, struct err *e)
{
	struct grpc_client *c;

	if (strlen(path) >= sizeof c->address.sun_path) {
		err_set(e, ENAMETOOLONG, "socket %s", path);
		return NULL;
	}
	c = calloc(1, sizeof *c);
	if (c == NULL) {
		err_set(e, ENOMEM, "gRPC client");
		return NULL;
	}
	c->loop = l;
	c->address.sun_family = AF_UNIX;
	memcpy(c->address.sun_path, path, strlen(path));
	list_init(&c->links);
	list_init(&c->waiting);
	return c;
}

void
grpc_client_set_connect(struct grpc_client *c,
    int (*connect)(void *ctx, int *fd, struct err *e), void *ctx)
{
	c->connect = connect;
	c->connect_ctx = ctx;
}

void
grpc_client_free(struct grpc_client *c)
{
	if (c == NULL)
		return;
	while (!list_is_empty(&c->waiting))
		grpc_exchange_end(
		    list_entry(c->waiting.next, struct grpc_exchange, link),
		    GRPC_UNAVAILABLE, "the client is ending");
	while (!list_is_empty(&c->links))
		grpc_link_close(
		    list_entry(c->links.next, struct grpc_link, link));
	free(c);
}
