/* The other end of a connection, for fuzz targets: sends the input as far as it is
 * taken, reads whatever comes, and hangs up.  Only fuzz_*.c includes it. */
#ifndef NET_FUZZ_PEER_H
#define NET_FUZZ_PEER_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/loop.h"

struct fuzz_peer {
	struct watch *watch; /* NULL: the connection has ended */
	int fd;
	const uint8_t *p; /* what is left of the input */
	size_t n;
};

/* False: there is nobody any more. */
static inline bool
fuzz_peer_read(const struct fuzz_peer *peer)
{
	uint8_t ignored[4096];
	ssize_t n = recv(peer->fd, ignored, sizeof ignored, MSG_DONTWAIT);

	return n > 0 || (n < 0 && errno == EAGAIN);
}

static inline void
fuzz_peer_send(struct fuzz_peer *peer)
{
	ssize_t n =
	    send(peer->fd, peer->p, peer->n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0) {
		peer->p += n;
		peer->n -= n;
	}
	if (peer->n == 0) {
		shutdown(peer->fd, SHUT_WR);
		watch_set_events(peer->watch, EPOLLIN);
	}
}

static inline void
fuzz_peer_ready(void *ctx, uint32_t ready)
{
	struct fuzz_peer *peer = ctx;

	if ((ready & ~EPOLLOUT) && !fuzz_peer_read(peer)) {
		watch_remove(peer->watch);
		peer->watch = NULL;
	} else if (ready & EPOLLOUT) {
		fuzz_peer_send(peer);
	}
}

/* The end that is fuzzed. */
static inline int
fuzz_peer_connect(
    struct fuzz_peer *peer, struct loop *l, const uint8_t *p, size_t n)
{
	struct err e;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	*peer = (struct fuzz_peer){ .fd = pair[1], .p = p, .n = n };
	peer->watch = loop_watch(
	    l, peer->fd, EPOLLIN | EPOLLOUT, fuzz_peer_ready, peer, &e);
	if (peer->watch == NULL)
		abort();
	return pair[0];
}

static inline void
fuzz_peer_end(struct fuzz_peer *peer)
{
	if (peer->watch != NULL)
		watch_remove(peer->watch);
	close(peer->fd);
}

#endif
