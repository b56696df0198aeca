#include "daemon/rpc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/secrets.h"
#include "runtime/cri_proxy.h"
#include "runtime/service.h"
#include "runtime/snapshotter.h"
#include "registry/credential.h"
#include "registry/reference.h"
#include "net/grpc.h"
#include "supervisor/agent.h"
#include "base/err.h"
#include "base/log.h"
#include "base/peer.h"
#include "base/pool.h"

/* A Prepare may wait for a registry; many may, and others must still be
 * answered.  What a stalled reader can delay an end by. */
enum { THREADS = 32, DRAIN_MS = 300 };

/* One of the sockets. */
struct endpoint {
	struct service service; /* first: the methods' context */
	struct daemon *daemon;
	const char *kind; /* what its connections are held as */
	const char *socket;
	struct grpc_server *server;
};

struct rpc {
	struct pool *pool;
	struct endpoint snapshotter;
	struct endpoint cri; /* server NULL: not configured */
	struct cri_proxy *proxy;

	unsigned draining; /* endpoints that are not done */
	void (*on_drained)(void *ctx);
	void *ctx;
};

/* ---- connections that outlive the worker ---- */

static void
make_name(
    char name[AGENT_NAME_MAX + 1], const struct endpoint *p, uint64_t serial)
{
	snprintf(name, AGENT_NAME_MAX + 1, "%s%ju", p->kind, (uintmax_t)serial);
}

static void
on_open(void *ctx, uint64_t serial, int fd)
{
	struct endpoint *p = ctx;
	char name[AGENT_NAME_MAX + 1];
	struct err e = ERR_INIT;

	make_name(name, p, serial);
	if (agent_hold(p->daemon->agent, name, fd, NULL, 0, &e) < 0)
		log_warn("a connection would not survive a restart: %s", e.msg);
}

static bool
greet(void *ctx, uint64_t serial, int fd)
{
	struct endpoint *p = ctx;
	char name[AGENT_NAME_MAX + 1];
	struct err ignored;

	make_name(name, p, serial);
	return agent_hold_greeted(p->daemon->agent, name, fd, &ignored) == 0;
}

static void
on_close(void *ctx, uint64_t serial)
{
	struct endpoint *p = ctx;
	char name[AGENT_NAME_MAX + 1];
	struct err e = ERR_INIT;

	make_name(name, p, serial);
	if (agent_drop(p->daemon->agent, name, &e) < 0)
		log_warn("%s: %s", name, e.msg);
}

static bool
is_of(const struct held *h, const char *kind)
{
	return strncmp(h->name, kind, strlen(kind)) == 0;
}

/* Those that were greeted come by themselves, once this worker is ready. */
bool
rpc_is_connection(const struct held *h)
{
	return (is_of(h, "rpc:") || is_of(h, "cri:")) && h->payload_len == 0;
}

static struct endpoint *
endpoint_of(struct rpc *r, const struct held *h)
{
	return is_of(h, r->cri.kind) ? &r->cri : &r->snapshotter;
}

static void
let_go(struct endpoint *p, const struct held *h)
{
	struct err e = ERR_INIT;

	if (agent_drop(p->daemon->agent, h->name, &e) < 0)
		log_warn("%s: %s", h->name, e.msg);
}

void
rpc_adopt(struct rpc *r, const struct held *h)
{
	struct endpoint *p = endpoint_of(r, h);

	if (p->server != NULL)
		grpc_server_adopt(p->server, h->fd);
	else
		close(h->fd);
	let_go(p, h);
}

static void
take_greeted(struct endpoint *p, const struct held *h)
{
	uint64_t serial = strtoumax(h->name + strlen(p->kind), NULL, 10);

	if (p->server != NULL) {
		grpc_server_take_greeted(p->server, h->fd, serial);
		return;
	}
	close(h->fd);
	let_go(p, h);
}

void
rpc_take_greeted(struct rpc *r)
{
	struct held h;

	while (agent_next_greeted(r->snapshotter.daemon->agent, &h))
		take_greeted(endpoint_of(r, &h), &h);
}

/* ---- the two sockets ---- */

/* Their peers name folders that root mounts, and hand over credentials. */
static int
admit(void *ctx, int fd, struct err *e)
{
	const struct endpoint *p = ctx;

	if (peer_check(fd, false, e) == 0)
		return 0;
	log_event(LOG_LEVEL_WARN, LOG_EVENT_peer_refused,
	    LOG_FIELDS({ "socket", p->socket }), "%s: %s", p->socket, e->msg);
	return -1;
}

static int
open_snapshotter(struct rpc *r, int *listener, struct err *e)
{
	struct endpoint *p = &r->snapshotter;
	struct grpc_server_options o = {
		.methods = service_methods,
		.n_methods = SERVICE_METHODS,
		.pool = r->pool,
		.admit = admit,
		.on_open = on_open,
		.greet = greet,
		.on_close = on_close,
		.ctx = p,
	};

	p->server = grpc_server_new(p->daemon->loop, *listener, &o, e);
	if (p->server == NULL)
		return -1;
	*listener = -1;
	return 0;
}

static void
on_credential(void *ctx, const char *image, const struct credential *c)
{
	struct endpoint *p = ctx;
	AUTO_REFERENCE struct reference ref = { 0 };
	struct err e = ERR_INIT;

	if (reference_parse(&ref, image, &e) < 0 || ref.is_layout ||
	    secrets_set(p->daemon->secrets, ref.host, ref.repository, c, &e) <
		0)
		log_warn("credential of a pull of %s: %s", image, e.msg);
}

static int
connect_containerd(void *ctx, int *fd, struct err *e)
{
	struct endpoint *p = ctx;

	return agent_connect_containerd(p->daemon->agent, fd, e);
}

static int
open_cri(struct rpc *r, int *listener, struct err *e)
{
	struct endpoint *p = &r->cri;
	struct cri_proxy_options o = {
		.upstream = p->daemon->config.cri_containerd,
		.connect = connect_containerd,
		.pool = r->pool,
		.on_credential = on_credential,
		.admit = admit,
		.on_open = on_open,
		.greet = greet,
		.on_close = on_close,
		.ctx = p,
	};

	if (*o.upstream == 0 || *listener < 0)
		return 0;
	r->proxy = cri_proxy_new(p->daemon->loop, *listener, &o, e);
	if (r->proxy == NULL)
		return -1;
	*listener = -1;
	p->server = cri_proxy_server(r->proxy);
	return 0;
}

struct rpc *
rpc_new(struct daemon *d, int *snapshotter, int *cri, struct err *e)
{
	struct rpc *r = calloc(1, sizeof *r);

	if (r == NULL) {
		err_set(e, ENOMEM, "gRPC");
		return NULL;
	}
	r->snapshotter = (struct endpoint){
		.daemon = d, .kind = "rpc:", .socket = "snapshotter.sock"
	};
	r->snapshotter.service.snapshotter = d->snapshotter;
	r->cri = (struct endpoint){
		.daemon = d, .kind = "cri:", .socket = "cri.sock"
	};
	r->pool = pool_new("rpc", THREADS, e);
	if (r->pool != NULL && open_snapshotter(r, snapshotter, e) == 0 &&
	    open_cri(r, cri, e) == 0)
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
	cri_proxy_free(r->proxy);
	grpc_server_free(r->snapshotter.server);
	free(r);
}

/* ---- ending ---- */

static void
on_endpoint_drained(void *ctx)
{
	struct rpc *r = ctx;

	if (--r->draining == 0)
		r->on_drained(r->ctx);
}

void
rpc_drain(struct rpc *r, void (*on_done)(void *ctx), void *ctx)
{
	r->on_drained = on_done;
	r->ctx = ctx;
	r->draining = r->cri.server == NULL ? 1 : 2;
	grpc_server_drain(
	    r->snapshotter.server, DRAIN_MS, on_endpoint_drained, r);
	if (r->cri.server != NULL)
		grpc_server_drain(
		    r->cri.server, DRAIN_MS, on_endpoint_drained, r);
}
