#include "cli/upper_folders.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/target.h"
#include "base/cleanup.h"
#include "base/close_all_but.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/rights.h"

enum { PATIENCE_S = 10 };

/* ---- the child ---- */

static int
open_both(const char *text, int pair[2], struct err *e)
{
	char upper[LIMIT_PATH_BYTES], work[LIMIT_PATH_BYTES + 8];
	struct stat upper_st, work_st;

	if (target_absolute(text, upper, e) < 0)
		return -1;
	pair[0] = fs_open_dir(AT_FDCWD, upper, e);
	if (pair[0] < 0)
		return -1;
	snprintf(work, sizeof work, "%s.work", upper);
	if (mkdir(work, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "make %s", work);
	pair[1] = fs_open_dir(AT_FDCWD, work, e);
	if (pair[1] < 0)
		return -1;
	if (fstat(pair[0], &upper_st) < 0 || fstat(pair[1], &work_st) < 0)
		return err_sys(e, "%s", upper);
	if (upper_st.st_dev != work_st.st_dev)
		return err_set(e, EXDEV,
		    "%s is a mount point; its work folder beside it lies on "
		    "another file system; use a folder inside it",
		    upper);
	return 0;
}

static void
run_child(const char *text, int sock, pid_t parent)
{
	struct err e = ERR_INIT;
	int pair[2];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	close_all_but(sock);
	if (open_both(text, pair, &e) == 0)
		rights_send(sock, &e, sizeof e, 0, pair, 2);
	else
		rights_send(sock, &e, sizeof e, 0, NULL, 0);
	_exit(0);
}

/* ---- this process ---- */

static int
receive(int sock, int pair[2], struct err *e)
{
	struct err theirs;
	struct rights r;

	if (rights_receive(sock, &theirs, sizeof theirs, 0, &r) !=
	    sizeof theirs)
		return err_set(e, EIO, "the process that opens it died");
	if (r.n == 2) {
		pair[0] = r.fds[0];
		pair[1] = r.fds[1];
		return 0;
	}
	rights_close(&r);
	*e = theirs;
	return -1;
}

static int
start_child(const char *text, pid_t *pid, struct err *e)
{
	pid_t parent = getpid();
	int socks[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) != 0)
		return err_sys(e, "socketpair");
	*pid = fork();
	if (*pid == 0)
		run_child(text, socks[1], parent);
	close(socks[1]);
	if (*pid > 0)
		return socks[0];
	close(socks[0]);
	return err_sys(e, "fork");
}

int
upper_folders_open(const char *text, int pair[2], struct err *e)
{
	pid_t pid;
	AUTO_CLOSE int sock = start_child(text, &pid, e);
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int rc;

	if (sock < 0)
		return -1;
	if (poll(&p, 1, PATIENCE_S * 1000) <= 0) {
		kill(pid, SIGKILL); /* it ends in its own time */
		return err_set(e, ETIMEDOUT,
		    "the file system that it lies on does not answer");
	}
	rc = receive(sock, pair, e);
	waitpid(pid, NULL, 0);
	return rc;
}
