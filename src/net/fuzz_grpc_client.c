/* What a server may send to a client that has two calls for it: each ends, once. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/grpc_client.h"
#include "base/err.h"
#include "base/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { CALLS = 2, CONNECTIONS = 2 };

/* Writes the input as far as it is taken, reads whatever comes, and hangs up. */
struct peer {
	struct watch *watch;
	int fd;
	const uint8_t *p;
	size_t n;
};

struct call {
	struct grpc_client_call base;
	struct scene *scene;
};

struct scene {
	struct loop *loop;
	const uint8_t *p;
	size_t n;
	struct peer peers[CONNECTIONS];
	unsigned n_peers;
	struct call calls[CALLS];
	unsigned n_done;
};

static void
on_ready(void *ctx, uint32_t ready)
{
	struct peer *peer = ctx;
	uint8_t ignored[4096];
	ssize_t n = 1;

	if (ready & (EPOLLIN | EPOLLHUP | EPOLLERR))
		n = recv(peer->fd, ignored, sizeof ignored, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		watch_remove(peer->watch);
		peer->watch = NULL;
		return;
	}
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

/* A call that was refused comes over another connection. */
static int
connect_peer(void *ctx, int *fd, struct err *e)
{
	struct scene *s = ctx;
	struct peer *peer = &s->peers[s->n_peers];
	int pair[2];

	if (s->n_peers == CONNECTIONS)
		return err_set(e, ECONNREFUSED, "enough");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	*peer = (struct peer){ NULL, pair[1], s->p, s->n };
	peer->watch = loop_watch(
	    s->loop, peer->fd, EPOLLIN | EPOLLOUT, on_ready, peer, e);
	if (peer->watch == NULL)
		abort();
	s->n_peers++;
	*fd = pair[0];
	return 0;
}

static void
on_done(struct grpc_client_call *c, const struct grpc_answer *a)
{
	struct scene *s = container_of(c, struct call, base)->scene;

	assert(a->text != NULL);
	assert(a->n == 0 || (a->status == GRPC_OK && a->message != NULL));
	if (++s->n_done == CALLS)
		loop_stop(s->loop);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e;
	struct scene s = { .loop = loop_new(&e), .p = p, .n = n };
	struct grpc_client *c = grpc_client_new(s.loop, "/unused", &e);

	if (s.loop == NULL || c == NULL)
		abort();
	grpc_client_set_connect(c, connect_peer, &s);
	for (int i = 0; i < CALLS; i++) {
		s.calls[i].scene = &s;
		s.calls[i].base = (struct grpc_client_call){
			.path = "/e",
			.message = "hello",
			.n = 5,
			.on_done = on_done,
		};
		grpc_client_send(c, &s.calls[i].base);
	}
	if (loop_run(s.loop, &e) < 0)
		abort();
	assert(s.n_done == CALLS);
	grpc_client_free(c);
	loop_free(s.loop);
	for (unsigned i = 0; i < s.n_peers; i++)
		close(s.peers[i].fd);
	return 0;
}
