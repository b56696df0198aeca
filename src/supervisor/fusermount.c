#include "supervisor/fusermount.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/awake.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/rights.h"

extern char **environ;

/* A target may lie where nobody answers. */
enum { PATIENCE_S = 10, TICK_MS = AWAKE_TICK_NS / NS_PER_MS };

/* Linux 5.3; before it, it is waited for however long. */
static bool
ends_in_time(pid_t pid)
{
	AUTO_CLOSE int fd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd end = { .fd = fd, .events = POLLIN };
	struct awake awake = { 0 };
	uint64_t until_ns = awake_now_ns(&awake) + PATIENCE_S * NS_PER_S;

	while (fd >= 0 && poll(&end, 1, TICK_MS) <= 0)
		if (awake_now_ns(&awake) >= until_ns)
			return false;
	return true;
}

/* One that hangs in the kernel ends later or never: whoever waits for all of this
 * process's children has it then. */
static int
wait_for(pid_t pid, const char *target, int *status, struct err *e)
{
	if (!ends_in_time(pid)) {
		kill(pid, SIGKILL);
		return err_set(e, ETIMEDOUT,
		    "fusermount3 did nothing for %d s: the file system that "
		    "%s lies on may not answer",
		    PATIENCE_S, target);
	}
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, "wait for fusermount3");
	return 0;
}

/* Runs fusermount3 ARGV...; its words go to our stderr unless is_quiet. */
static int
run(char *const *argv, const char *target, int is_quiet, struct err *e)
{
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	if (is_quiet)
		posix_spawn_file_actions_addopen(
		    &actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	errno = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (errno != 0)
		return err_sys(e, "start %s (package fuse3)", argv[0]);
	if (wait_for(pid, target, &status, e) != 0)
		return -1;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, EACCES,
		    "%s refused %s: the log has its words", argv[0], target);
	return 0;
}

static int
receive_fd(int sock, struct err *e)
{
	struct rights r;
	char byte;

	if (rights_receive(sock, &byte, 1, 0, &r) < 0)
		return err_sys(e, "receive from fusermount3");
	if (r.n == 1)
		return r.fds[0];
	rights_close(&r);
	return err_set(e, EPROTO, "fusermount3 sent no descriptor");
}

static int
try_mount(const char *target, const char *source, const char *more,
    int is_quiet, struct err *e)
{
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;
	char options[400], number[16];
	char *argv[] = { "fusermount3", "-o", options, "--", (char *)target,
		NULL };
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return err_sys(e, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	fcntl(theirs, F_SETFD, 0);
	snprintf(number, sizeof number, "%d", theirs);
	snprintf(options, sizeof options,
	    "ro,fsname=%s,subtype=layerfs,default_permissions,"
	    "max_read=1048576%s",
	    source, more);
	setenv("_FUSE_COMMFD", number, 1);
	rc = run(argv, target, is_quiet, e);
	unsetenv("_FUSE_COMMFD");
	return rc == 0 ? receive_fd(ours, e) : -1;
}

int
fusermount_mount(const char *target, const char *source, struct err *e)
{
	int fd = try_mount(target, source, ",allow_other", 1, e);

	if (fd < 0 && e->code == EACCES)
		fd = try_mount(target, source, "", 0, e);
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

int
fusermount_unmount(const char *target, bool lazy, struct err *e)
{
	char *argv[] = { "fusermount3", lazy ? "-uqz" : "-uq", "--",
		(char *)target, NULL };

	if (run(argv, target, 0, e) == 0)
		return 0;
	return e->code == EACCES ? err_set(e, EACCES, "%s could not unmount %s",
				       argv[0], target)
				 : -1;
}
