#include "net/grpc_server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/grpc_call.h"
#include "net/grpc_connection.h"
#include "net/grpc_farewell.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

enum { PAUSE_MS = 100 };

/* --- accepting --- */

static void
on_pause_over(void *ctx)
{
	struct grpc_server *s = ctx;

	s->pause = NULL;
	if (s->watch != NULL)
		watch_set_events(s->watch, EPOLLIN);
}

/* The connection stays in the queue, so the listener stays readable: without a
 * pause the loop would spin. */
static void
pause_accepting(struct grpc_server *s)
{
	struct err e = ERR_INIT;

	if (s->pause == NULL)
		s->pause =
		    loop_at(s->loop, clock_now_ns() + PAUSE_MS * NS_PER_MS,
			on_pause_over, s, &e);
	if (s->pause != NULL)
		watch_set_events(s->watch, 0);
}

/* -1: none now. */
static int
accept_next(struct grpc_server *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			  errno == ENOBUFS))
		pause_accepting(s);
	return fd;
}

static void
on_connect(void *ctx, uint32_t ready)
{
	struct grpc_server *s = ctx;
	AUTO_CLOSE int fd = accept_next(s);
	struct grpc_connection *k;
	struct err e = ERR_INIT;

	(void)ready;
	if (fd < 0)
		return;
	if (s->n_connections >= LIMIT_GRPC_CONNECTIONS) {
		log_warn("gRPC: connection %d is closed at once",
		    LIMIT_GRPC_CONNECTIONS + 1);
		return;
	}
	if (s->options.admit != NULL &&
	    s->options.admit(s->options.ctx, fd, &e) < 0)
		return;
	k = grpc_connection_open(s, fd, &e);
	if (k == NULL) {
		log_warn("gRPC: %s", e.msg);
		return;
	}
	take_fd(&fd);
	if (s->options.on_open != NULL)
		s->options.on_open(s->options.ctx, k->serial, k->wire.fd);
	grpc_connection_flush(k);
}

static void
stop_accepting(struct grpc_server *s)
{
	if (s->watch != NULL)
		watch_remove(take_ptr(&s->watch));
	if (s->pause != NULL)
		timer_cancel(take_ptr(&s->pause));
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
	stop_accepting(s);
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
	s->watch = loop_watch(l, listener, EPOLLIN, on_connect, s, e);
	if (s->watch == NULL) {
		free(s);
		return NULL;
	}
	s->loop = l;
	s->options = *o;
	s->listener = listener;
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
	stop_accepting(s);
	close(s->listener);
	list_for_each_safe(k, &s->connections)
		grpc_connection_close(
		    list_entry(k, struct grpc_connection, link));
	grpc_farewells_close(s);
	while ((l = list_pop_front(&s->orphans)) != NULL)
		grpc_call_free(list_entry(l, struct grpc_call, link));
	free(s);
}
