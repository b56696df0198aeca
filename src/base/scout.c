#include "base/scout.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/close_all_but.h"
#include "base/err.h"
#include "base/rights.h"

/* A file system that answers needs no more, whoever used the time up before. */
enum { MOMENT_MS = 50, SLICE_MS = 100, PATIENCE_MS = 10000 };

/* ---- the child ---- */

static void
run_child(struct errand *x, int sock, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	close_all_but(sock);
	if (x->run(x, &x->failure) != 0)
		x->n_fds = 0;
	rights_send(sock, x, x->size, 0, x->fds, x->n_fds);
	_exit(0);
}

/* ---- its sender ---- */

void
grace_begin(struct grace *g, uint64_t ms)
{
	g->until_ns = awake_now_ns(&g->awake) + ms * NS_PER_MS;
}

/* False: it did not answer in time.  Whoever has patience looks once more before it
 * ends: what is done meanwhile takes time, too. */
static bool
await_answer(int sock, struct grace *g)
{
	uint64_t now_ns = awake_now_ns(&g->awake);
	uint64_t until_ns =
	    max_u64(g->until_ns, now_ns + MOMENT_MS * NS_PER_MS);
	struct pollfd p = { .fd = sock, .events = POLLIN };

	for (; now_ns < until_ns; now_ns = awake_now_ns(&g->awake)) {
		uint64_t left_ms = (until_ns - now_ns) / NS_PER_MS + 1;

		if (poll(&p, 1, min_u64(left_ms, SLICE_MS)) > 0)
			return true;
		if (g->meanwhile != NULL)
			g->meanwhile(g->ctx);
	}
	return poll(&p, 1, 0) > 0;
}

static int
receive(int sock, struct errand *x, struct err *e)
{
	struct rights r;
	ssize_t n = rights_receive(sock, x, x->size, MSG_DONTWAIT, &r);

	if (n == (ssize_t)x->size && x->failure.code != 0) {
		*e = x->failure;
		return -1;
	}
	if (n != (ssize_t)x->size || r.n != x->n_fds) {
		rights_close(&r);
		return err_set(e, EIO, "the process that looks died");
	}
	memcpy(x->fds, r.fds, r.n * sizeof *r.fds);
	return 0;
}

int
scout_send_within(struct errand *x, struct grace *g, struct err *e)
{
	AUTO_CLOSE int ours = -1;
	pid_t pid, parent = getpid();
	int pair[2];

	x->failure = ERR_INIT;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_sys(e, "socketpair");
	ours = pair[0];
	pid = fork();
	if (pid == 0)
		run_child(x, pair[1], parent);
	close(pair[1]);
	if (pid < 0)
		return err_sys(e, "fork");
	if (await_answer(ours, g))
		return receive(ours, x, e);
	kill(pid, SIGKILL);
	return err_set(e, ETIMEDOUT, SCOUT_NO_ANSWER);
}

int
scout_send(struct errand *x, struct err *e)
{
	struct grace g = { 0 };

	grace_begin(&g, PATIENCE_MS);
	return scout_send_within(x, &g, e);
}
