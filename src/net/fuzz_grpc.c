#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/grpc_connection.h"
#include "net/grpc_server.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"

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

/* The peer: writes the input as far as it is taken, reads whatever comes, and
 * hangs up. */
struct peer {
	struct loop *loop;
	int fd;
	struct watch *watch;
	const uint8_t *p;
	size_t n;
};

static void
on_ready(void *ctx, uint32_t ready)
{
	struct peer *peer = ctx;
	uint8_t ignored[4096];
	ssize_t n;

	if (ready & EPOLLIN)
		(void)!recv(peer->fd, ignored, sizeof ignored, MSG_DONTWAIT);
	if (!(ready & EPOLLOUT))
		return;
	n = send(peer->fd, peer->p, peer->n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0) {
		peer->p += n;
		peer->n -= n;
	}
	if (peer->n == 0) {
		shutdown(peer->fd, SHUT_WR);
		watch_set_events(peer->watch, EPOLLIN);
	}
}

static void
on_close(void *ctx, uint64_t serial)
{
	struct peer *peer = ctx;

	(void)serial;
	watch_remove(peer->watch);
	loop_stop(peer->loop);
}

/* What a peer may send to a server. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e;
	int pair[2];
	struct peer peer = { .loop = loop_new(&e), .p = p, .n = n };
	const struct grpc_server_options o = {
		.methods = methods,
		.n_methods = 1,
		.otherwise = run_fail,
		.on_close = on_close,
		.ctx = &peer,
	};
	struct grpc_server *s;

	if (peer.loop == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	peer.fd = pair[1];
	peer.watch = loop_watch(
	    peer.loop, peer.fd, EPOLLIN | EPOLLOUT, on_ready, &peer, &e);
	s = grpc_server_new(peer.loop, socket(AF_UNIX, SOCK_STREAM, 0), &o, &e);
	if (peer.watch == NULL || s == NULL ||
	    grpc_connection_open(s, pair[0], &e) == NULL ||
	    loop_run(peer.loop, &e) < 0)
		abort();
	close(peer.fd);
	grpc_server_free(s);
	loop_free(peer.loop);
	return 0;
}
