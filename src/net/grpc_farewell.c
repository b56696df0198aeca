#include "net/grpc_farewell.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/grpc_server.h"
#include "base/clock.h"
#include "base/err.h"

enum { PATIENCE_MS = 1000 };

struct grpc_farewell {
	struct list link;
	int fd;
	struct watch *watch;
	struct timer *patience;
};

/* Length (3) | type | flags | stream (4) | payload. */
static const uint8_t words[] = {
	0, 0, 0, 4, 0, 0, 0, 0, 0, /* SETTINGS */
	0, 0, 8, 7, 0, 0, 0, 0, 0, /* GOAWAY */
	0, 0, 0, 0, 0, 0, 0, 0,    /* last stream, NO_ERROR */
};

/* Whoever held the descriptor may still: closing alone would not be seen. */
static void
hang_up(int fd)
{
	shutdown(fd, SHUT_RDWR);
	close(fd);
}

static void
farewell_close(struct grpc_farewell *f)
{
	list_remove(&f->link);
	if (f->watch != NULL)
		watch_remove(f->watch);
	if (f->patience != NULL)
		timer_cancel(f->patience);
	hang_up(f->fd);
	free(f);
}

static void
on_late(void *ctx)
{
	struct grpc_farewell *f = ctx;

	f->patience = NULL;
	farewell_close(f);
}

/* Nobody minds what it still says. */
static void
on_ready(void *ctx, uint32_t ready)
{
	struct grpc_farewell *f = ctx;
	uint8_t ignored[4096];
	ssize_t n = recv(f->fd, ignored, sizeof ignored, MSG_DONTWAIT);

	(void)ready;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		farewell_close(f);
}

static struct grpc_farewell *
farewell_new(struct grpc_server *s, int fd)
{
	struct grpc_farewell *f = calloc(1, sizeof *f);

	if (f == NULL)
		return NULL;
	f->fd = fd;
	list_push_back(&s->farewells, &f->link);
	return f;
}

void
grpc_farewell_say(struct grpc_server *s, int fd)
{
	struct grpc_farewell *f = farewell_new(s, fd);
	struct err e;

	if (f == NULL) {
		hang_up(fd);
		return;
	}
	f->watch = loop_watch(s->loop, fd, EPOLLIN, on_ready, f, &e);
	f->patience = loop_at(
	    s->loop, clock_now_ns() + PATIENCE_MS * NS_PER_MS, on_late, f, &e);
	if (f->watch == NULL || f->patience == NULL ||
	    send(fd, words, sizeof words, MSG_DONTWAIT | MSG_NOSIGNAL) !=
		(ssize_t)sizeof words)
		farewell_close(f);
}

void
grpc_farewells_close(struct grpc_server *s)
{
	list_for_each_safe(l, &s->farewells)
		farewell_close(list_entry(l, struct grpc_farewell, link));
}
