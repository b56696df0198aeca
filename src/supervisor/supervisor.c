#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/hold.h"
#include "supervisor/job.h"
#include "supervisor/late.h"
#include "supervisor/leftover.h"
#include "supervisor/lost.h"
#include "supervisor/message.h"
#include "supervisor/snapshots.h"
#include "supervisor/supervisor_private.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/scout.h"

/* For what was written and is nobody's, at the end. */
enum { SWEEP_MS = 10000 };

/* ---- the worker's life ---- */

/* A mount that is being made would come after the clean-up, and a long deletion
 * is not waited for. */
void
supervisor_kill_jobs(struct supervisor *s)
{
	list_for_each_safe(l, &s->jobs) {
		struct job *j = list_entry(l, struct job, link);

		job_kill(j);
		list_remove(&j->link);
		job_free(j);
	}
	s->n_jobs = 0;
}

static void
end(struct supervisor *s)
{
	if (s->is_ending)
		return;
	s->is_ending = true;
	s->worker.is_serving = false;
	worker_expect_end(&s->worker);
	worker_kill(&s->worker, SIGTERM);
}

/* A worker that exits 0 was asked to end; one that gives up before its first
 * READY (bad configuration, a store in use) would do so again. */
static void
on_worker_end(struct supervisor *s, int status)
{
	bool is_final = !reload_is_draining(s) && WIFEXITED(status) &&
			(WEXITSTATUS(status) == 0 || !s->was_ready);
	bool is_wanted = s->is_ending || is_final || reload_is_draining(s);

	worker_note_end(&s->worker, status, !is_wanted);
	supervisor_kill_orphans(s);
	if (s->is_ending || !is_final)
		return;
	s->ended_with = WEXITSTATUS(status);
	end(s);
}

/* ---- the loop ---- */

/* Its pid may soon be another's. */
static void
forget_child(struct supervisor *s, pid_t pid)
{
	list_for_each_safe(l, &s->jobs) {
		struct job *j = list_entry(l, struct job, link);

		if (j->pid != pid)
			continue;
		j->pid = 0;
		if (j->sock >= 0)
			continue;
		list_remove(&j->link);
		s->n_jobs--;
		late_note_end(s, j);
		job_free(j);
	}
}

static void
reap(struct supervisor *s)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == s->worker.pid)
			on_worker_end(s, status);
		else if (!reload_note_end(s, pid, status))
			forget_child(s, pid);
}

static void
on_signal(struct supervisor *s)
{
	struct signalfd_siginfo i;

	if (read(s->signals, &i, sizeof i) != sizeof i)
		return;
	if (i.ssi_signo == SIGCHLD)
		reap(s);
	else if (i.ssi_signo == SIGHUP)
		reload_begin(s);
	else
		end(s);
}

/* A session that is being made, which takes no worker, is one that the next
 * worker has to find. */
static bool
may_start_worker(const struct supervisor *s)
{
	if (s->is_ending || s->worker.pid != 0 || reload_is_draining(s))
		return false;
	list_for_each(l, &s->jobs)
		if (list_entry(l, struct job, link)->request.kind ==
		    MESSAGE_FUSE)
			return false;
	return true;
}

/* Milliseconds to the next thing that time brings, -1: nothing. */
static int
timeout_ms(const struct supervisor *s)
{
	uint64_t now = clock_now_ns(), at = late_next_ns(&s->jobs);
	int rest_ms = greeter_timeout_ms(s);

	at = min_u64(at, worker_next_ns(&s->worker));
	if (may_start_worker(s))
		at = min_u64(at, s->worker.start_at_ns);
	else if (rest_ms >= 0)
		at = min_u64(at, now + rest_ms * NS_PER_MS);
	if (at == UINT64_MAX)
		return -1;
	return at <= now ? 0 : (int)((at - now) / NS_PER_MS) + 1;
}

static void
on_time(struct supervisor *s)
{
	uint64_t now = clock_now_ns();

	late_give_up(s);
	worker_kill_late(&s->worker);
	if (may_start_worker(s) && now >= s->worker.start_at_ns) {
		s->greeter.is_tired = false;
		worker_start(&s->worker, s->options, &s->account);
	}
}

/* What the loop waits for, jobs last. */
enum { SIGNALS, WORKER, LISTENERS, JOBS = LISTENERS + GREETER_LISTENERS };

static nfds_t
list_awaited(
    const struct supervisor *s, struct pollfd p[JOBS + SUPERVISOR_JOBS_MAX])
{
	int listeners[GREETER_LISTENERS];
	nfds_t n = JOBS;

	p[SIGNALS] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
	p[WORKER] = (struct pollfd){ .fd = s->worker.sock, .events = POLLIN };
	greeter_listeners(s, listeners);
	for (int i = 0; i < GREETER_LISTENERS; i++)
		p[LISTENERS + i] =
		    (struct pollfd){ .fd = listeners[i], .events = POLLIN };
	list_for_each(l, &s->jobs)
		p[n++] =
		    (struct pollfd){ .fd =
					 list_entry(l, struct job, link)->sock,
			    .events = POLLIN };
	return n;
}

static bool
somebody_waits(const struct pollfd p[JOBS])
{
	for (int i = LISTENERS; i < JOBS; i++)
		if (p[i].revents != 0)
			return true;
	return false;
}

static void
loop(struct supervisor *s)
{
	struct pollfd p[JOBS + SUPERVISOR_JOBS_MAX];

	while (!s->is_ending || s->worker.pid > 0) {
		nfds_t n = list_awaited(s, p), k = JOBS;

		if (poll(p, n, timeout_ms(s)) < 0)
			continue;
		if (somebody_waits(p))
			greeter_note_waiting(s);
		greeter_greet(s);
		list_for_each_safe(l, &s->jobs)
			if (k < n && p[k++].revents != 0)
				supervisor_on_job_end(
				    s, list_entry(l, struct job, link));
		if (p[WORKER].revents != 0)
			supervisor_on_request(s);
		if (p[SIGNALS].revents != 0)
			on_signal(s);
		on_time(s);
		reload_try_exec(s);
	}
}

/* ---- from start to end ---- */

static int
open_signals(struct err *e)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(e, "signalfd") : fd;
}

/* One descriptor a mount is held here, and again in the worker. */
static void
raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

/* What the worker may not open itself: its folder's parents may be closed to
 * it. */
static int
hold_config(struct supervisor *s, struct err *e)
{
	AUTO_CLOSE int fd = -1;

	if (s->options->config == NULL)
		return 0;
	fd = open(s->options->config, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open %s", s->options->config);
	return hold_put_copy(&s->keep.holds, "config", fd, e);
}

static int
hold_what_is_open(struct supervisor *s, struct err *e)
{
	if (hold_put_copy(&s->keep.holds, "root", s->root.dir, e) != 0 ||
	    hold_config(s, e) != 0 ||
	    hold_put_copy(&s->keep.holds, "secrets", s->root.secrets, e) != 0 ||
	    hold_put_copy(&s->keep.holds, "control", s->run.control, e) != 0)
		return -1;
	if (s->run.metrics >= 0 &&
	    hold_put_copy(&s->keep.holds, "metrics", s->run.metrics, e) != 0)
		return -1;
	if (!s->account.is_root)
		return 0;
	if (hold_put_copy(
		&s->keep.holds, "snapshotter", s->run.snapshotter, e) != 0)
		return -1;
	return hold_put_copy(&s->keep.holds, "cri", s->run.cri, e);
}

/* Root of a container may not be allowed to; images can be pulled there. */
static void
mount_run(struct supervisor *s)
{
	struct err e;

	if (rundir_mount(&s->run, s->root.snapshots, &e) != 0)
		log_warn("mounting does not work here: %s", e.msg);
	s->mounter.points = s->run.points;
}

/* Where ROOT lies in a container's own overlayfs, or on NFS. */
static void
look_at_uppers(struct supervisor *s)
{
	struct mounter *m = &s->mounter;
	struct err e;

	if (snapshots_probe(m->snapshots, m->points, m->in_user_ns, &e) == 0)
		return;
	m->takes_no_upper = e.code == EINVAL;
	log_warn(
	    "%s: containers cannot write there: %s", s->options->root, e.msg);
}

/* An earlier supervisor's mounts must not end because a worker cannot start:
 * the next one may. */
static void
take_over(struct supervisor *s)
{
	size_t n = keep_resume(&s->keep, &s->given, &s->lost);

	activation_release(&s->given);
	s->was_ready = n > 0;
	if (n > 0)
		log_info("goes on with %zu descriptors of an earlier "
			 "supervisor",
		    n);
}

static void
greet(void *ctx)
{
	greeter_greet(ctx);
}

/* Where nobody kept its descriptors, a supervisor that died took its mounts
 * with it. */
static void
clean_up(struct supervisor *s)
{
	struct grace g = { .meanwhile = greet, .ctx = s };
	size_t n = leftover_clean(&s->mounter, &s->keep.holds, &s->lost, &g);

	if (n > 0)
		log_warn("%zu mounts died with an earlier daemon; containers "
			 "on them must be started again",
		    n);
}

/* A page that the children which mount share with us; NULL is fine. */
static _Atomic long *
share_number(void)
{
	void *p = mmap(NULL, sizeof(_Atomic long), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED ? p : NULL;
}

static int
prepare(struct supervisor *s, struct err *e)
{
	/* Whoever sees a socket may end or reload what listens on it. */
	s->signals = open_signals(e);
	if (s->signals < 0 ||
	    rundir_open(
		&s->run, s->options->run, geteuid() == 0, &s->given, e) != 0 ||
	    rootdir_open(&s->root, &s->account, s->options, e) != 0)
		return -1;
	if (s->options->with_metrics && rundir_open_metrics(&s->run, e) != 0)
		return -1;
	s->mounter = (struct mounter){ .is_root = s->account.is_root,
		.in_user_ns = s->account.in_user_ns,
		.points = s->run.points,
		.uppers = s->root.uppers,
		.snapshots = s->root.snapshots,
		.puts_aside = true,
		.login_files = s->options->login_files,
		.newest_bdi = share_number(),
		.lost = &s->lost };
	if (keep_open(&s->keep, s->run.dir, e) != 0)
		return -1;
	take_over(s);
	/* Whoever connects does not wait for what takes time. */
	greeter_greet(s);
	clean_up(s);
	greeter_greet(s);
	if (s->account.is_root) {
		mount_run(s);
		greeter_greet(s);
		look_at_uppers(s);
	}
	greeter_greet(s);
	return hold_what_is_open(s, e);
}

/* A tree of a million files takes minutes: what is left of it then is the next
 * supervisor's to remove. */
static void
sweep_for_a_while(struct supervisor *s)
{
	supervisor_sweep(s);
	list_for_each(l, &s->jobs) {
		struct pollfd p = { .events = POLLIN };

		p.fd = list_entry(l, struct job, link)->sock;
		poll(&p, 1, SWEEP_MS);
	}
	supervisor_kill_jobs(s);
}

static void
unmount_all(struct supervisor *s)
{
	struct message m = { .kind = MESSAGE_UNMOUNT };
	struct grace none = { 0 };
	struct err e;
	int fd;

	list_for_each(l, &s->keep.holds) {
		struct held_fd *f = list_entry(l, struct held_fd, link);
		if (f->target == NULL)
			continue;
		strcpy(m.body.fuse.target, f->target);
		if (mounter_run(&s->mounter, &m, NULL, 0, &fd, &e) != 0)
			log_warn("left behind: %s", e.msg);
	}
	/* Reads that nobody will answer hold an EROFS mount's end up, and end
	 * with the session that they wait for. */
	keep_drop_all(&s->keep);
	leftover_clean(&s->mounter, &s->keep.holds, NULL, &none);
	if (s->account.is_root)
		rundir_unmount(&s->run);
	sweep_for_a_while(s);
}

static void
release(struct supervisor *s)
{
	if (s->mounter.newest_bdi != NULL)
		munmap((void *)s->mounter.newest_bdi,
		    sizeof *s->mounter.newest_bdi);
	lost_drop_all(&s->lost);
	keep_close(&s->keep);
	activation_release(&s->given);
	cleanup_close(&s->signals);
	cleanup_close(&s->worker.spare);
	rundir_close(&s->run);
	rootdir_close(&s->root);
}

int
supervisor_run(const struct supervisor_options *o, struct err *e)
{
	struct supervisor s = { .options = o,
		.root = ROOTDIR_NONE,
		.run = RUNDIR_NONE,
		.signals = -1,
		.worker = { .sock = -1, .spare = -1 } };
	int rc = -1;

	keep_init(&s.keep);
	list_init(&s.lost);
	list_init(&s.jobs);
	raise_limits();
	if (activation_take(&s.given, e) == 0 && prepare(&s, e) == 0) {
		worker_start(&s.worker, o, &s.account);
		supervisor_sweep(&s);
		loop(&s);
		notify_say(&s.keep.notify, "STOPPING=1");
		supervisor_kill_jobs(&s);
		unmount_all(&s);
		rc = s.ended_with == 0
			 ? 0
			 : err_set(e, ECANCELED,
			       "the worker ended at once, with status %d",
			       s.ended_with);
	}
	release(&s);
	return rc;
}
