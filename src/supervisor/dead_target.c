#include "supervisor/dead_target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/close_all_but.h"
#include "base/err.h"
#include "base/rights.h"

/* A file system that answers needs no more, whoever used the time up before. */
enum { MOMENT_MS = 50, SLICE_MS = 100 };

/* The table's names have no links in them: one that is there now was put in the
 * way. */
static int
open_path(const char *target, uint64_t how_far)
{
	const struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | how_far,
	};

	return syscall(SYS_openat2, AT_FDCWD, target, &how, sizeof how);
}

/* ---- by a child ---- */

static void
run_child(const char *target, int sock, pid_t parent)
{
	int fd, code = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	close_all_but(sock);
	fd = open_path(target, 0);
	if (fd < 0)
		code = errno;
	rights_send(sock, &code, sizeof code, 0, &fd, fd >= 0);
	_exit(0);
}

/* False: it did not answer in time. */
static bool
await_answer(int sock, const struct grace *g)
{
	uint64_t now_ns = clock_now_ns();
	uint64_t until_ns =
	    max_u64(g->until_ns, now_ns + MOMENT_MS * NS_PER_MS);
	struct pollfd p = { .fd = sock, .events = POLLIN };

	for (; now_ns < until_ns; now_ns = clock_now_ns()) {
		uint64_t left_ms = (until_ns - now_ns) / NS_PER_MS + 1;

		if (poll(&p, 1, min_u64(left_ms, SLICE_MS)) > 0)
			return true;
		if (g->meanwhile != NULL)
			g->meanwhile(g->ctx);
	}
	return false;
}

static int
receive(int sock, const char *target, struct err *e)
{
	int code = EIO;
	struct rights r;

	if (rights_receive(sock, &code, sizeof code, MSG_DONTWAIT, &r) ==
		sizeof code &&
	    r.n == 1)
		return r.fds[0];
	rights_close(&r);
	errno = code;
	return err_sys(e, "%s", target);
}

/* Nobody waits for the child here: all of the supervisor's are waited for together. */
static int
open_by_child(const char *target, const struct grace *g, struct err *e)
{
	AUTO_CLOSE int ours = -1;
	pid_t pid, parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_sys(e, "%s", target);
	ours = pair[0];
	pid = fork();
	if (pid == 0)
		run_child(target, pair[1], parent);
	close(pair[1]);
	if (pid < 0)
		return err_sys(e, "%s: fork", target);
	if (await_answer(ours, g))
		return receive(ours, target, e);
	kill(pid, SIGKILL);
	return err_set(e, ETIMEDOUT,
	    "%s: the file system that it lies on does not answer", target);
}

/* ---- for the supervisor ---- */

int
dead_target_open(const char *target, const struct grace *g, struct err *e)
{
	int fd = open_path(target, RESOLVE_CACHED);

	if (fd >= 0)
		return fd;
	/* EINVAL: before Linux 5.12. */
	if (errno != EAGAIN && errno != EINVAL)
		return err_sys(e, "%s", target);
	return open_by_child(target, g, e);
}

/* Kernels that cannot tell (before Linux 5.8) are believed. */
static bool
is_mount(int fd, int mount)
{
	struct statx x;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID,
		   &x) != 0 ||
	       (x.stx_mask & STATX_MNT_ID) == 0 ||
	       x.stx_mnt_id == (uint64_t)mount;
}

int
dead_target_unmount(
    const char *target, int mount, const struct grace *g, struct err *e)
{
	AUTO_CLOSE int fd = dead_target_open(target, g, e);
	char path[32];

	if (fd < 0)
		return -1;
	if (!is_mount(fd, mount))
		return err_set(
		    e, EBUSY, "%s: something else is mounted over it", target);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return umount2(path, MNT_DETACH) == 0 ? 0 : err_sys(e, "%s", target);
}
