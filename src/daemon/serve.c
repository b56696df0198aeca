#include "daemon/serve.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/rpc.h"
#include "layer/catalog.h"
#include "store/store.h"
#include "supervisor/agent.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/pool.h"

enum { SYNC_INTERVAL_S = 5 };

static void
stop(void *ctx)
{
	struct daemon *d = ctx;

	loop_stop(d->loop);
}

static void
on_signal(void *ctx, uint32_t ready)
{
	struct daemon *d = ctx;

	(void)ready;
	watch_remove(d->signals);
	if (d->rpc != NULL)
		rpc_drain(d->rpc, stop, d);
	else
		stop(d);
}

/* The supervisor is gone: nobody could mount, nobody would start the next
 * worker. */
static void
on_supervisor_gone(void *ctx, uint32_t ready)
{
	struct daemon *d = ctx;

	(void)ready;
	log_error("the supervisor is gone");
	loop_stop(d->loop);
}

static int
watch_signals(struct daemon *d, int *fd, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (*fd < 0)
		return err_sys(e, "signalfd");
	d->signals = loop_watch(d->loop, *fd, EPOLLIN, on_signal, d, e);
	return d->signals == NULL ? -1 : 0;
}

struct syncing {
	struct task task;
	struct daemon *daemon;
};

static void set_sync_timer(struct daemon *d);

static void
run_sync(struct task *t)
{
	struct syncing *s = container_of(t, struct syncing, task);
	struct err e = ERR_INIT;

	if (catalog_settle(s->daemon->catalog, &e) < 0 ||
	    store_sync(s->daemon->store, &e) < 0)
		log_warn("what was fetched lately would not survive a power "
			 "cut: %s",
		    e.msg);
	/* What a burst of fetching leaves behind goes back to the system. */
	malloc_trim(0);
	free(s);
}

static void
on_sync_time(void *ctx)
{
	struct daemon *d = ctx;
	struct syncing *s = calloc(1, sizeof *s);

	if (s != NULL) {
		s->task.run = run_sync;
		s->daemon = d;
		pool_submit(d->jobs, &s->task, 2);
	}
	set_sync_timer(d);
}

static void
set_sync_timer(struct daemon *d)
{
	struct err e = ERR_INIT;

	if (loop_at(d->loop, clock_now_ns() + SYNC_INTERVAL_S * NS_PER_S,
		on_sync_time, d, &e) == NULL)
		log_warn("%s", e.msg);
}

int
daemon_serve(struct daemon *d, struct err *e)
{
	AUTO_CLOSE int signals = -1;

	if (watch_signals(d, &signals, e) < 0 ||
	    loop_watch(d->loop, agent_fd(d->agent), EPOLLRDHUP,
		on_supervisor_gone, d, e) == NULL)
		return -1;
	set_sync_timer(d);
	log_event(LOG_LEVEL_INFO, LOG_EVENT_serving,
	    LOG_FIELDS({ "root", d->root_path }, { "run", d->run_path }),
	    "serving %s from %s", d->run_path, d->root_path);
	return loop_run(d->loop, e);
}
