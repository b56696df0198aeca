#include "supervisor/job.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/mounter.h"
#include "base/cleanup.h"
#include "base/err.h"

enum { FIRST_FD = STDERR_FILENO + 1, KEPT_MAX = 4 + MESSAGE_FDS_MAX };

static int
compare_fds(const void *a, const void *b)
{
	int left = *(const int *)a, right = *(const int *)b;

	return (left > right) - (left < right);
}

/* Closes the descriptors between those kept.  A child that hangs in a FUSE
 * mount while it holds that mount's own descriptor would hang for ever; and
 * RUN's lock must end with the supervisor. */
static void
close_others(int kept[KEPT_MAX], unsigned n)
{
	int next = FIRST_FD;

	qsort(kept, n, sizeof *kept, compare_fds);
	for (unsigned i = 0; i < n; i++) {
		if (kept[i] > next)
			close_range(next, kept[i] - 1, 0);
		if (kept[i] >= next)
			next = kept[i] + 1;
	}
	close_range(next, ~0u, 0);
}

static void
isolate(const struct mounter *m, const int *fds, unsigned n_fds, int sock)
{
	int kept[KEPT_MAX] = { m->points, m->uppers, m->snapshots, sock };

	for (unsigned i = 0; i < n_fds; i++)
		kept[4 + i] = fds[i];
	close_others(kept, 4 + n_fds);
}

static void
run_child(const struct mounter *m, struct message *q, const int *fds,
    unsigned n_fds, int sock)
{
	struct mounter patient = *m;
	struct err e;
	sigset_t none;
	int fd;

	isolate(m, fds, n_fds, sock);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	patient.puts_aside = false;
	if (mounter_run(&patient, q, fds, n_fds, &fd, &e) != 0)
		message_answer(sock, q, -1, &e);
	else
		message_answer(sock, q, fd, NULL);
}

static void
give_spare_back(struct job *j)
{
	for (size_t i = 0; i < 2; i++) {
		cleanup_close(&j->spare[i]);
		j->spare[i] = -1;
	}
}

static int
take_spare(struct job *j, int any, struct err *e)
{
	j->spare[0] = fcntl(any, F_DUPFD_CLOEXEC, 0);
	j->spare[1] = fcntl(any, F_DUPFD_CLOEXEC, 0);
	if (j->spare[1] >= 0)
		return 0;
	err_sys(e, "start a process");
	give_spare_back(j);
	return -1;
}

struct job *
job_start(const struct mounter *m, const struct message *request,
    const int *fds, unsigned n_fds, struct err *e)
{
	AUTO_FREE struct job *j = calloc(1, sizeof *j);
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;
	pid_t parent = getpid();
	int pair[2];

	if (j == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		err_sys(e, "start a process");
		return NULL;
	}
	ours = pair[0];
	theirs = pair[1];
	if (take_spare(j, ours, e) != 0)
		return NULL;
	j->request = *request;
	j->pid = fork();
	if (j->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		run_child(m, &j->request, fds, n_fds, theirs);
		_exit(0);
	}
	if (j->pid < 0) {
		err_sys(e, "fork");
		give_spare_back(j);
		return NULL;
	}
	j->sock = take_fd(&ours);
	return take_ptr(&j);
}

void
job_result(struct job *j, struct message *answer, int fds[MESSAGE_FDS_MAX],
    unsigned *n_fds)
{
	struct err e;

	give_spare_back(j);
	if (message_receive(j->sock, answer, fds, n_fds, &e) == 0)
		return;
	j->died = true;
	*answer = j->request;
	err_set(&e, EIO, "the process that did it died");
	message_set_error(answer, &e);
}

void
job_kill(struct job *j)
{
	if (j->pid > 0)
		kill(j->pid, SIGKILL);
}

void
job_abandon(struct job *j)
{
	job_kill(j);
	give_spare_back(j);
	cleanup_close(&j->sock);
	j->sock = -1;
}

void
job_free(struct job *j)
{
	give_spare_back(j);
	cleanup_close(&j->sock);
	free(j);
}
