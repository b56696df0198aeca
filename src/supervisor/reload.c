#include "supervisor/reload.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/activation.h"
#include "supervisor/job.h"
#include "supervisor/supervisor_private.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

enum { CHECK_PATIENCE_S = 10, ARGUMENTS_MAX = 64, LISTENERS = 3 };

/* ---- checking ---- */

/* In the child; the alarm outlives exec. */
static void
run_check(const struct supervisor_options *o)
{
	char *argv[ARGUMENTS_MAX + 2];
	sigset_t none;
	size_t n = 0;

	for (; o->worker_argv[n] != NULL && n < ARGUMENTS_MAX; n++)
		argv[n] = o->worker_argv[n];
	argv[n++] = "--check";
	argv[n] = NULL;
	unsetenv("NOTIFY_SOCKET");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(CHECK_PATIENCE_S);
	execv(o->program, argv);
	log_error("%s: %s", o->program, strerror(errno));
	_exit(EXIT_FAILURE);
}

void
reload_begin(struct supervisor *s)
{
	if (s->reload.state != RELOAD_NONE || s->is_ending)
		return;
	s->reload.checker = fork();
	if (s->reload.checker == 0)
		run_check(s->options);
	if (s->reload.checker < 0)
		log_error("not reloaded: fork: %s", strerror(errno));
	else
		s->reload.state = RELOAD_CHECKING;
}

static void
drain(struct supervisor *s)
{
	log_info("reloading: %s is to go on", s->options->program);
	notify_reloading(&s->keep.notify);
	s->reload.state = RELOAD_DRAINING;
	s->worker.is_serving = false;
	if (s->worker.pid == 0)
		return;
	worker_expect_end(&s->worker);
	worker_kill(&s->worker, SIGTERM);
}

bool
reload_note_end(struct supervisor *s, pid_t pid, int status)
{
	if (s->reload.state != RELOAD_CHECKING || pid != s->reload.checker)
		return false;
	s->reload.state = RELOAD_NONE;
	if (s->is_ending)
		return true;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		drain(s);
	else
		log_error("not reloaded: %s --check failed (%s %d); everything "
			  "goes on as it was",
		    s->options->program,
		    WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status)
					: WEXITSTATUS(status));
	return true;
}

/* ---- becoming it ---- */

bool
reload_is_draining(const struct supervisor *s)
{
	return s->reload.state == RELOAD_DRAINING;
}

static struct given *
list_all(struct supervisor *s, size_t *n, struct err *e)
{
	const struct given listeners[LISTENERS] = {
		{ s->run.control, "control" },
		{ s->run.snapshotter, "snapshotter" },
		{ s->run.cri, "cri" },
	};
	struct given *all = keep_list(&s->keep, LISTENERS, n, e);

	if (all == NULL)
		return NULL;
	for (size_t i = 0; i < LISTENERS; i++) {
		if (listeners[i].fd < 0)
			continue;
		all[*n] = (struct given){ listeners[i].fd,
			strdup(listeners[i].name) };
		if (all[(*n)++].name == NULL) {
			err_set(e, ENOMEM, "the listening sockets");
			keep_free_given(all, *n);
			return NULL;
		}
	}
	return all;
}

/* Only failures return. */
static int
become(struct supervisor *s, struct err *e)
{
	size_t n;
	struct given *all = list_all(s, &n, e);

	if (all == NULL)
		return -1;
	if (activation_pass(all, n, e) == 0) {
		execv(s->options->program, s->options->worker_argv);
		err_sys(e, "start %s", s->options->program);
		activation_withdraw(all, n);
	}
	keep_free_given(all, n);
	return -1;
}

/* A mount that is being made is one more descriptor to pass on.  What else is
 * being done was for a worker that is gone. */
static bool
is_mounting(const struct supervisor *s)
{
	list_for_each(l, &s->jobs)
		if (list_entry(l, struct job, link)->request.kind ==
		    MESSAGE_FUSE)
			return true;
	return false;
}

void
reload_try_exec(struct supervisor *s)
{
	struct err e = ERR_INIT;

	if (!reload_is_draining(s) || s->worker.pid != 0 || s->is_ending ||
	    is_mounting(s))
		return;
	supervisor_kill_jobs(s);
	become(s, &e);
	log_error("not reloaded: %s; everything goes on as it was", e.msg);
	s->reload.state = RELOAD_NONE;
	s->worker.start_at_ns = clock_now_ns();
}
