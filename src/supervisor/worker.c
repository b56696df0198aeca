#include "supervisor/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/drop.h"
#include "supervisor/oom.h"
#include "supervisor/received.h"
#include "supervisor/supervisor.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"

enum {
	WORKER_FD = 3,
	ARGUMENTS_MAX = 64,
	YOUNG_MS = 1000, /* died before that: back off */
	BACK_OFF_MS = 100,
	BACK_OFF_MAX_MS = 5000,
	PATIENCE_MS = 5000, /* between SIGTERM and SIGKILL */
	HOW_SIZE = 32,
	PF_EXITING = 4, /* of the kernel's sched.h */
};

/* A supervisor that is killed takes its worker with it: another one's worker
 * must not find this one at the store.  After the change of user, which would
 * undo it; exec does not. */
static int
end_with(pid_t supervisor, struct err *e)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return err_sys(e, "end with the supervisor");
	if (getppid() != supervisor)
		return err_set(e, ECANCELED, "the supervisor is gone");
	return 0;
}

/* What glibc has each thread keep of what it freed, seven of each size, adds up in our
 * many threads and pins pages for good: 3 MB of pieces, 10 MB of pages after an hour
 * (tests/slow/soak.bats).  What a user sets goes first. */
static void
keep_no_freed_memory(void)
{
	setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 0);
}

/* In the child: everything but the socket and stdio is closed.  Only failures
 * return. */
static int
become_worker(const struct supervisor_options *o, const struct account *a,
    int sock, pid_t supervisor, struct err *e)
{
	char *argv[ARGUMENTS_MAX + 2];
	sigset_t none;
	size_t n = 0;

	for (; o->worker_argv[n] != NULL && n < ARGUMENTS_MAX; n++)
		argv[n] = o->worker_argv[n];
	argv[n++] = "--worker-fd=3";
	argv[n] = NULL;
	umask(077); /* also for what a library makes: state.db */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (sock != WORKER_FD && dup2(sock, WORKER_FD) < 0)
		return err_sys(e, "pass the socket on");
	if (fcntl(WORKER_FD, F_SETFD, 0) != 0 ||
	    close_range(WORKER_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC) != 0)
		return err_sys(e, "close the rest");
	oom_go_first(); /* still root: later the file is not the worker's */
	if (account_become(a, e) != 0 || end_with(supervisor, e) != 0)
		return -1;
	unsetenv("NOTIFY_SOCKET");
	keep_no_freed_memory();
	execv(o->worker_path, argv);
	return err_sys(e, "start %s", o->worker_path);
}

static void
give_spare_back(struct worker *w)
{
	cleanup_close(&w->spare);
	w->spare = -1;
}

static int
try_start(struct worker *w, const struct supervisor_options *o,
    const struct account *a, struct err *e)
{
	AUTO_CLOSE int theirs = -1;
	AUTO_CLOSE int ours = -1;
	pid_t pid, supervisor = getpid();
	int pair[2];

	give_spare_back(w);
	w->oom_before = oom_count();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_sys(e, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return err_sys(e, "fork");
	if (pid == 0) {
		become_worker(o, a, theirs, supervisor, e);
		log_error("%s", e->msg);
		_exit(EXIT_FAILURE);
	}
	w->pid = pid;
	w->sock = take_fd(&ours);
	w->is_serving = false;
	w->n_refused = 0;
	w->started_ns = clock_now_ns();
	w->life++;
	return 0;
}

void
worker_start(struct worker *w, const struct supervisor_options *o,
    const struct account *a)
{
	struct err e;
	int rc = try_start(w, o, a, &e);

	w->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (rc == 0)
		return;
	log_error("the worker cannot be started: %s", e.msg);
	w->start_at_ns = clock_now_ns() + BACK_OFF_MAX_MS * NS_PER_MS;
}

void
worker_kill(const struct worker *w, int sig)
{
	if (w->pid > 0)
		kill(w->pid, sig);
}

void
worker_hang_up(struct worker *w)
{
	if (w->sock >= 0)
		received_drain(w->sock);
	cleanup_close(&w->sock);
	w->sock = -1;
	w->is_serving = false;
}

void
worker_expect_end(struct worker *w)
{
	w->late_at_ns = awake_now_ns(&w->awake) + PATIENCE_MS * NS_PER_MS;
}

uint64_t
worker_next_ns(const struct worker *w)
{
	return w->late_at_ns > 0 ? clock_now_ns() + AWAKE_TICK_NS : UINT64_MAX;
}

void
worker_kill_late(struct worker *w)
{
	if (w->late_at_ns == 0 || awake_now_ns(&w->awake) < w->late_at_ns)
		return;
	worker_kill(w, SIGKILL);
	worker_expect_end(w);
}

/* STATE PPID PGRP SESSION TTY TPGID FLAGS ... SIGNAL: proc(5).  The main thread is
 * the one that is looked at; whoever kills the process kills each. */
static bool
is_dying(const char *stat)
{
	const char *after_name = strrchr(stat, ')');
	unsigned flags;
	unsigned long pending;
	char state;

	return after_name != NULL &&
	       sscanf(after_name,
		   ") %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d "
		   "%*d %*d %*d %*d %*d %*u %*u %*d %*u %*u %*u %*u %*u %*u "
		   "%lu",
		   &state, &flags, &pending) == 3 &&
	       (state == 'Z' || state == 'X' || (flags & PF_EXITING) != 0 ||
		   (pending & 1ul << (SIGKILL - 1)) != 0);
}

bool
worker_is_dying(const struct worker *w)
{
	AUTO_BUF struct buf text = BUF_INIT(4096);
	struct err ignored;
	char path[32];

	snprintf(path, sizeof path, "/proc/%d/stat", (int)w->pid);
	return w->pid > 0 &&
	       fs_read_file(AT_FDCWD, path, &text, &ignored) == 0 &&
	       is_dying(buf_str(&text));
}

static bool
lacked_memory(const struct worker *w, int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
	       w->oom_before >= 0 && oom_count() > w->oom_before;
}

static void
describe_end(const struct worker *w, int status, char how[HOW_SIZE])
{
	if (lacked_memory(w, status))
		strcpy(how, "out of memory");
	else if (WIFSIGNALED(status))
		snprintf(how, HOW_SIZE, "signal %d", WTERMSIG(status));
	else
		snprintf(how, HOW_SIZE, "status %d", WEXITSTATUS(status));
}

static void
log_end(const struct worker *w, int status)
{
	char how[HOW_SIZE];

	describe_end(w, status, how);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		log_error("the worker made a system call that it never makes: "
			  "somebody may have taken it over");
	if (lacked_memory(w, status))
		log_error("the kernel killed the worker for want of memory: "
			  "MEMORY in layerfsd(8) says how much it takes");
	log_event(LOG_LEVEL_WARN, LOG_EVENT_worker_ended,
	    LOG_FIELDS({ "how", how }),
	    "the worker ended (%s); started again in %u ms", how,
	    (unsigned)w->delay_ms);
}

void
worker_note_end(struct worker *w, int status, bool is_unwanted)
{
	uint64_t now = clock_now_ns();

	if (now - w->started_ns >= YOUNG_MS * NS_PER_MS)
		w->delay_ms = 0;
	else if (w->delay_ms == 0)
		w->delay_ms = BACK_OFF_MS;
	else if ((w->delay_ms *= 2) > BACK_OFF_MAX_MS)
		w->delay_ms = BACK_OFF_MAX_MS;
	w->start_at_ns = now + w->delay_ms * NS_PER_MS;
	w->pid = 0;
	w->late_at_ns = 0;
	w->is_serving = false;
	worker_hang_up(w);
	if (is_unwanted)
		log_end(w, status);
}
