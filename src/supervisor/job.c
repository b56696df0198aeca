#include "supervisor/job.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/mounter.h"
#include "base/cleanup.h"
#include "base/err.h"

static void
run_child(const struct mounter *m, struct message *q, const int *fds,
    unsigned n_fds, int sock)
{
	struct err e;
	sigset_t none;
	int fd;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (mounter_run(m, q, fds, n_fds, &fd, &e) != 0)
		message_answer(sock, q, -1, &e);
	else
		message_answer(sock, q, fd, NULL);
}

struct job *
job_start(const struct mounter *m, const struct message *request,
    const int *fds, unsigned n_fds, struct err *e)
{
	AUTO_FREE struct job *j = calloc(1, sizeof *j);
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;
	int pair[2];

	if (j == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		err_sys(e, "start a mount");
		return NULL;
	}
	ours = pair[0];
	theirs = pair[1];
	j->request = *request;
	j->pid = fork();
	if (j->pid == 0) {
		run_child(m, &j->request, fds, n_fds, theirs);
		_exit(0);
	}
	if (j->pid < 0) {
		err_sys(e, "fork");
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

	if (message_receive(j->sock, answer, fds, n_fds, &e) == 0)
		return;
	*answer = j->request;
	err_set(&e, EIO, "the mounting process died");
	message_set_error(answer, &e);
}

void
job_free(struct job *j)
{
	close(j->sock);
	free(j);
}
