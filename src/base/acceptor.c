#include "base/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"

enum { PAUSE_MS = 100 };

static void
on_pause_over(void *ctx)
{
	struct acceptor *a = ctx;

	a->pause = NULL;
	if (a->watch != NULL)
		watch_set_events(a->watch, EPOLLIN);
}

/* The connection stays in the queue, so the listener stays readable: without a
 * pause the loop would spin. */
static void
pause_accepting(struct acceptor *a)
{
	struct err e = ERR_INIT;

	if (a->pause == NULL)
		a->pause =
		    loop_at(a->loop, clock_now_ns() + PAUSE_MS * NS_PER_MS,
			on_pause_over, a, &e);
	if (a->pause != NULL)
		watch_set_events(a->watch, 0);
}

static int
accept_next(const struct acceptor *a)
{
	return accept4(a->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void
take_spare(struct acceptor *a)
{
	if (a->spare < 0 && a->on_refuse != NULL)
		a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* False: there was nothing to do it by. */
static bool
refuse_next(struct acceptor *a)
{
	struct err why = ERR_INIT;
	int fd;

	if (a->spare < 0)
		return false;
	errno = EMFILE;
	err_sys(&why, "accept");
	cleanup_close(&a->spare);
	a->spare = -1;
	fd = accept_next(a);
	if (fd >= 0)
		a->on_refuse(a->ctx, fd, &why);
	cleanup_close(&fd);
	take_spare(a);
	return fd >= 0;
}

static void
on_connect(void *ctx, uint32_t ready)
{
	struct acceptor *a = ctx;
	int fd = accept_next(a);

	(void)ready;
	if (fd >= 0) {
		take_spare(a);
		a->on_accept(a->ctx, fd);
		return;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOMEM &&
	    errno != ENOBUFS)
		return;
	if (!refuse_next(a))
		pause_accepting(a);
}

int
acceptor_init(struct acceptor *a, struct loop *l, int listener,
    void (*on_accept)(void *ctx, int fd),
    void (*on_refuse)(void *ctx, int fd, const struct err *why), void *ctx,
    struct err *e)
{
	*a = (struct acceptor){
		.loop = l,
		.listener = listener,
		.spare = -1,
		.on_accept = on_accept,
		.on_refuse = on_refuse,
		.ctx = ctx,
	};
	a->watch = loop_watch(l, listener, EPOLLIN, on_connect, a, e);
	if (a->watch == NULL)
		return -1;
	take_spare(a);
	return 0;
}

void
acceptor_stop(struct acceptor *a)
{
	if (a->watch != NULL)
		watch_remove(take_ptr(&a->watch));
	if (a->pause != NULL)
		timer_cancel(take_ptr(&a->pause));
	cleanup_close(&a->spare);
	a->spare = -1;
}
