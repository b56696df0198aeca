#include "net/fuzz_peer.h"
#include "net/grpc_connection.h"
#include "net/grpc_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
run_echo(void *ctx, struct grpc_call *c)
{
	size_t n;
	const uint8_t *p = grpc_call_request(c, &n);

	(void)ctx;
	grpc_call_reply(c, p, n);
}

static void
run_fail(void *ctx, struct grpc_call *c)
{
	size_t n;

	(void)ctx;
	grpc_call_metadata(c, &n);
	grpc_call_finish(c, n, grpc_call_path(c));
}

static const struct grpc_method methods[] = { { "/e", run_echo } };

static void
on_close(void *ctx, uint64_t serial)
{
	(void)serial;
	loop_stop(ctx);
}

/* What a peer may send to a server. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e;
	struct loop *l = loop_new(&e);
	const struct grpc_server_options o = {
		.methods = methods,
		.n_methods = 1,
		.otherwise = run_fail,
		.on_close = on_close,
		.ctx = l,
	};
	struct fuzz_peer peer;
	struct grpc_server *s;

	if (l == NULL)
		abort();
	s = grpc_server_new(l, socket(AF_UNIX, SOCK_STREAM, 0), &o, &e);
	if (s == NULL ||
	    grpc_connection_open(s, fuzz_peer_connect(&peer, l, p, n), &e) ==
		NULL ||
	    loop_run(l, &e) < 0)
		abort();
	fuzz_peer_end(&peer);
	grpc_server_free(s);
	loop_free(l);
	return 0;
}
