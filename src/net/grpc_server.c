#include "net/grpc_server.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/grpc_call.h"
#include "net/grpc_connection.h"
#include "net/grpc_farewell.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

/* --- accepting --- */

/* False: hung up on. */
static bool
is_admitted(const struct grpc_server *s, int fd)
{
	struct err e = ERR_INIT;

	if (s->n_connections >= LIMIT_GRPC_CONNECTIONS) {
		log_warn("gRPC: connection %d is closed at once",
		    LIMIT_GRPC_CONNECTIONS + 1);
		return false;
	}
	return s->options.admit == NULL ||
	       s->options.admit(s->options.ctx, fd, &e) == 0;
}

/* k NULL: it was not to be. */
static bool
begin(struct grpc_server *s, struct grpc_connection *k, const struct err *e)
{
	if (k == NULL) {
		log_warn("gRPC: %s", e->msg);
		return false;
	}
	if (s->options.on_open != NULL)
		s->options.on_open(s->options.ctx, k->serial, k->wire.fd);
	grpc_connection_flush(k);
	return true;
}

/* Whoever is to hold it has greeted its peer. */
static bool
begin_greeted(struct grpc_server *s, int fd, uint64_t serial)
{
	struct err e = ERR_INIT;
	struct grpc_connection *k =
	    grpc_connection_open_greeted(s, fd, serial, &e);

	s->serial = serial;
	if (k != NULL) {
		grpc_connection_flush(k);
		return true;
	}
	log_warn("gRPC: %s", e.msg);
	if (s->options.on_close != NULL)
		s->options.on_close(s->options.ctx, serial);
	return false;
}

static bool
begin_accepted(struct grpc_server *s, int fd)
{
	uint64_t serial = s->serial + 1;
	struct err e = ERR_INIT;

	if (s->options.greet != NULL &&
	    s->options.greet(s->options.ctx, serial, fd))
		return begin_greeted(s, fd, serial);
	return begin(s, grpc_connection_open(s, fd, &e), &e);
}

static void
on_accept(void *ctx, int fd)
{
	struct grpc_server *s = ctx;
	AUTO_CLOSE int taken = fd;

	if (is_admitted(s, fd) && begin_accepted(s, fd))
		take_fd(&taken);
}

void
grpc_server_take_greeted(struct grpc_server *s, int fd, uint64_t serial)
{
	AUTO_CLOSE int taken = fd;
	struct err e = ERR_INIT;

	if (is_admitted(s, fd) &&
	    begin(s, grpc_connection_open_greeted(s, fd, serial, &e), &e))
		take_fd(&taken);
	else if (s->options.on_close != NULL)
		s->options.on_close(s->options.ctx, serial);
}

void
grpc_server_adopt(struct grpc_server *s, int fd)
{
	grpc_farewell_say(s, fd);
}

/* --- draining --- */

static void
on_drained(struct deferred *d)
{
	struct grpc_server *s = container_of(d, struct grpc_server, drained);

	s->on_drained(s->drained_ctx);
}

static void
end_drain(struct grpc_server *s)
{
	s->is_draining = false;
	if (s->patience != NULL)
		timer_cancel(take_ptr(&s->patience));
	loop_defer(s->loop, &s->drained);
}

static void
on_patience_over(void *ctx)
{
	struct grpc_server *s = ctx;

	s->patience = NULL;
	end_drain(s);
}

void
grpc_server_note_closed(struct grpc_server *s)
{
	if (s->is_draining && list_is_empty(&s->connections))
		end_drain(s);
}

void
grpc_server_drain(struct grpc_server *s, uint32_t patience_ms,
    void (*on_done)(void *ctx), void *ctx)
{
	struct err e;

	s->on_drained = on_done;
	s->drained_ctx = ctx;
	acceptor_stop(&s->acceptor);
	list_for_each_safe(l, &s->connections)
		grpc_connection_drain(
		    list_entry(l, struct grpc_connection, link));
	s->patience = loop_at(s->loop, clock_now_ns() + patience_ms * NS_PER_MS,
	    on_patience_over, s, &e);
	if (s->patience == NULL || list_is_empty(&s->connections))
		end_drain(s);
	else
		s->is_draining = true;
}

/* --- its life --- */

struct grpc_server *
grpc_server_new(struct loop *l, int listener,
    const struct grpc_server_options *o, struct err *e)
{
	struct grpc_server *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ENOMEM, "gRPC server");
		return NULL;
	}
	if (acceptor_init(&s->acceptor, l, listener, on_accept, NULL, s, e) <
	    0) {
		free(s);
		return NULL;
	}
	s->loop = l;
	s->options = *o;
	/* Later than any that an earlier process can have come to. */
	s->serial = clock_now_ns();
	s->drained.run = on_drained;
	list_init(&s->connections);
	list_init(&s->farewells);
	list_init(&s->orphans);
	return s;
}

void
grpc_server_free(struct grpc_server *s)
{
	struct list *l;

	if (s == NULL)
		return;
	s->is_draining = false;
	if (s->patience != NULL)
		timer_cancel(s->patience);
	acceptor_stop(&s->acceptor);
	close(s->acceptor.listener);
	list_for_each_safe(k, &s->connections)
		grpc_connection_close(
		    list_entry(k, struct grpc_connection, link));
	grpc_farewells_close(s);
	while ((l = list_pop_front(&s->orphans)) != NULL)
		grpc_call_free(list_entry(l, struct grpc_call, link));
	free(s);
}
