#include "daemon/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "runtime/service.h"
#include "runtime/snapshotter.h"
#include "net/grpc.h"
#include "supervisor/agent.h"
#include "base/err.h"
#include "base/log.h"
#include "base/pool.h"

/* A Prepare may wait for a registry; many may, and others must still be
 * answered.  What a stalled reader can delay an end by. */
enum { THREADS = 32, DRAIN_MS = 300 };

struct rpc {
	struct service service; /* first: the methods' context */
	struct daemon *daemon;
	struct pool *pool;
	struct grpc_server *snapshotter;
};

static void
make_name(char name[AGENT_NAME_MAX + 1], uint64_t serial)
{
	snprintf(name, AGENT_NAME_MAX + 1, "rpc:%ju", (uintmax_t)serial);
}

static void
on_open(void *ctx, uint64_t serial, int fd)
{
	struct rpc *r = ctx;
	char name[AGENT_NAME_MAX + 1];
	struct err e = ERR_INIT;

	make_name(name, serial);
	if (agent_hold(r->daemon->agent, name, fd, NULL, 0, &e) < 0)
		log_warn("a connection would not survive a restart: %s", e.msg);
}

static void
on_close(void *ctx, uint64_t serial)
{
	struct rpc *r = ctx;
	char name[AGENT_NAME_MAX + 1];
	struct err e = ERR_INIT;

	make_name(name, serial);
	if (agent_drop(r->daemon->agent, name, &e) < 0)
		log_warn("%s: %s", name, e.msg);
}

static struct grpc_server *
serve_snapshotter(struct rpc *r, int listener, struct err *e)
{
	struct grpc_server_options o = {
		.methods = service_methods,
		.n_methods = SERVICE_METHODS,
		.pool = r->pool,
		.on_open = on_open,
		.on_close = on_close,
		.ctx = r,
	};

	return grpc_server_new(r->daemon->loop, listener, &o, e);
}

struct rpc *
rpc_new(struct daemon *d, int snapshotter, struct err *e)
{
	struct rpc *r = calloc(1, sizeof *r);

	if (r == NULL) {
		err_set(e, ENOMEM, "gRPC");
		return NULL;
	}
	r->daemon = d;
	r->service.snapshotter = d->snapshotter;
	r->pool = pool_new("rpc", THREADS, e);
	if (r->pool != NULL)
		r->snapshotter = serve_snapshotter(r, snapshotter, e);
	if (r->snapshotter != NULL)
		return r;
	rpc_free(r);
	return NULL;
}

void
rpc_free(struct rpc *r)
{
	if (r == NULL)
		return;
	pool_free(r->pool);
	grpc_server_free(r->snapshotter);
	free(r);
}

void
rpc_adopt(struct rpc *r, const struct held *h)
{
	struct err e = ERR_INIT;

	grpc_server_adopt(r->snapshotter, h->fd);
	if (agent_drop(r->daemon->agent, h->name, &e) < 0)
		log_warn("%s: %s", h->name, e.msg);
}

void
rpc_drain(struct rpc *r, void (*on_done)(void *ctx), void *ctx)
{
	grpc_server_drain(r->snapshotter, DRAIN_MS, on_done, ctx);
}
