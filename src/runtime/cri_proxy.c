#include "runtime/cri_proxy.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/cri_pull.h"
#include "net/grpc.h"
#include "net/grpc_client.h"
#include "base/err.h"
#include "base/log.h"

struct cri_proxy {
	struct cri_proxy_options options;
	struct grpc_client *client;
	struct grpc_server *server;
};

/* A call on its way. */
struct forward {
	struct grpc_call *call;
	struct grpc_client_call upstream;
};

static void
on_answer(struct grpc_client_call *upstream, const struct grpc_answer *a)
{
	struct forward *f = container_of(upstream, struct forward, upstream);

	if (a->status == GRPC_OK)
		grpc_call_reply(f->call, a->message, a->n);
	else
		grpc_call_finish(f->call, a->status, a->text);
	free(f);
}

static void
on_cancel(void *ctx)
{
	struct forward *f = ctx;

	grpc_client_cancel(&f->upstream);
}

static void
run_any(void *ctx, struct grpc_call *c)
{
	struct cri_proxy *p = ctx;
	struct forward *f = calloc(1, sizeof *f);

	if (f == NULL) {
		grpc_call_finish(c, GRPC_RESOURCE_EXHAUSTED, "no memory");
		return;
	}
	f->call = c;
	f->upstream.path = grpc_call_path(c);
	f->upstream.metadata = grpc_call_metadata(c, &f->upstream.n_metadata);
	f->upstream.message = grpc_call_request(c, &f->upstream.n);
	f->upstream.deadline_ns = grpc_call_deadline_ns(c);
	f->upstream.on_done = on_answer;
	if (!grpc_call_on_cancel(c, on_cancel, f)) {
		grpc_call_finish(c, GRPC_CANCELLED, NULL);
		free(f);
		return;
	}
	grpc_client_send(p->client, &f->upstream);
}

/* Whatever is wrong with it, containerd says so. */
static void
run_pull(void *ctx, struct grpc_call *c)
{
	struct cri_proxy *p = ctx;
	AUTO_CRI_PULL struct cri_pull pull = { 0 };
	struct err e = ERR_INIT;
	size_t n;
	const uint8_t *request = grpc_call_request(c, &n);

	if (cri_pull_parse(&pull, request, n, &e) < 0)
		log_debug("PullImage without a credential: %s", e.msg);
	else if (pull.has_credential)
		p->options.on_credential(
		    p->options.ctx, pull.image, &pull.credential);
	run_any(ctx, c);
}

static void
run_events(void *ctx, struct grpc_call *c)
{
	(void)ctx;
	grpc_call_finish(c, GRPC_UNIMPLEMENTED, "streams are not forwarded");
}

static const struct grpc_method methods[] = {
	{ "/runtime.v1.ImageService/PullImage", run_pull },
	{ "/runtime.v1alpha2.ImageService/PullImage", run_pull },
	{ "/runtime.v1.RuntimeService/GetContainerEvents", run_events },
};

static int
admit(void *ctx, int fd, struct err *e)
{
	struct cri_proxy *p = ctx;

	if (p->options.admit == NULL)
		return 0;
	return p->options.admit(p->options.ctx, fd, e);
}

static void
on_open(void *ctx, uint64_t serial, int fd)
{
	struct cri_proxy *p = ctx;

	if (p->options.on_open != NULL)
		p->options.on_open(p->options.ctx, serial, fd);
}

static bool
greet(void *ctx, uint64_t serial, int fd)
{
	struct cri_proxy *p = ctx;

	return p->options.greet != NULL &&
	       p->options.greet(p->options.ctx, serial, fd);
}

static void
on_close(void *ctx, uint64_t serial)
{
	struct cri_proxy *p = ctx;

	if (p->options.on_close != NULL)
		p->options.on_close(p->options.ctx, serial);
}

struct cri_proxy *
cri_proxy_new(struct loop *l, int listener, const struct cri_proxy_options *o,
    struct err *e)
{
	struct cri_proxy *p = calloc(1, sizeof *p);
	struct grpc_server_options server = {
		.methods = methods,
		.n_methods = sizeof methods / sizeof *methods,
		.otherwise = run_any,
		.pool = o->pool,
		.admit = admit,
		.on_open = on_open,
		.greet = greet,
		.on_close = on_close,
		.ctx = p,
	};

	if (p == NULL) {
		err_set(e, ENOMEM, "CRI proxy");
		return NULL;
	}
	p->options = *o;
	p->client = grpc_client_new(l, o->upstream, e);
	if (p->client != NULL && o->connect != NULL)
		grpc_client_set_connect(p->client, o->connect, o->ctx);
	if (p->client != NULL)
		p->server = grpc_server_new(l, listener, &server, e);
	if (p->server != NULL)
		return p;
	cri_proxy_free(p);
	return NULL;
}

struct grpc_server *
cri_proxy_server(struct cri_proxy *p)
{
	return p->server;
}

/* The client first: it ends what is in flight, on calls that are still there.
 */
void
cri_proxy_free(struct cri_proxy *p)
{
	if (p == NULL)
		return;
	grpc_client_free(p->client);
	grpc_server_free(p->server);
	free(p);
}
