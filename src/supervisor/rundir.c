#include "supervisor/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"

enum { LISTEN_FDS_START = 3, BACKLOG = 64 };

static int
lock(int dir, const char *run, struct err *e)
{
	AUTO_CLOSE int fd = openat(
	    dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_sys(e, "open %s/lock", run);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK
			   ? err_set(
				 e, EBUSY, "another layerfsd runs on %s", run)
			   : err_sys(e, "lock %s/lock", run);
	return take_fd(&fd);
}

static int
open_points(int dir, struct err *e)
{
	AUTO_CLOSE int fd = -1;

	if (mkdirat(dir, "m", 0711) != 0 && errno != EEXIST)
		return err_sys(e, "make the mount points' folder");
	fd = openat(dir, "m", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0711) != 0)
		return err_sys(e, "open the mount points' folder");
	return take_fd(&fd);
}

/* The first socket of systemd's socket activation, sd_listen_fds(3), or -1. */
static int
take_activated(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *n = getenv("LISTEN_FDS");
	int fd = -1;

	if (pid != NULL && n != NULL && atol(pid) == getpid() && atoi(n) >= 1)
		fd = LISTEN_FDS_START;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (fd < 0)
		return -1;
	/* systemd clears O_NONBLOCK unless the service says NonBlocking=yes. */
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

/* bind(2) takes the path through the descriptor: sun_path is short. */
static int
listen_on(int dir, const char *run, struct err *e)
{
	AUTO_CLOSE int fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	mode_t mask;
	int rc;

	if (fd < 0)
		return err_sys(e, "make the control socket");
	snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/control.sock",
	    dir);
	unlinkat(dir, "control.sock", 0);
	mask = umask(0177);
	rc = bind(fd, (struct sockaddr *)&a, sizeof a);
	umask(mask);
	if (rc != 0 || listen(fd, BACKLOG) != 0)
		return err_sys(e, "listen on %s/control.sock", run);
	return take_fd(&fd);
}

int
rundir_open(struct rundir *r, const char *run, struct err *e)
{
	*r = RUNDIR_NONE;
	if (fs_make_dirs(AT_FDCWD, run, 0755, e) == 0 &&
	    (r->dir = fs_open_dir(AT_FDCWD, run, e)) >= 0 &&
	    (r->lock = lock(r->dir, run, e)) >= 0 &&
	    (r->points = open_points(r->dir, e)) >= 0 &&
	    ((r->control = take_activated()) >= 0 ||
		(r->control = listen_on(r->dir, run, e)) >= 0))
		return 0;
	rundir_close(r);
	return -1;
}

void
rundir_close(struct rundir *r)
{
	cleanup_close(&r->control);
	cleanup_close(&r->points);
	cleanup_close(&r->lock);
	cleanup_close(&r->dir);
	*r = RUNDIR_NONE;
}
