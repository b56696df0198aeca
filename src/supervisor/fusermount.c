#include "supervisor/fusermount.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/rights.h"

extern char **environ;

/* Runs fusermount3 ARGV...; its words go to our stderr unless is_quiet. */
static int
run(char *const *argv, int is_quiet, struct err *e)
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
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, "wait for %s", argv[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, EACCES, "%s refused %s", argv[0],
		    argv[1][1] == 'o' ? argv[4] : argv[3]);
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
	rc = run(argv, is_quiet, e);
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
fusermount_unmount(const char *target, struct err *e)
{
	char *argv[] = { "fusermount3", "-uqz", "--", (char *)target, NULL };

	return run(argv, 0, e);
}
