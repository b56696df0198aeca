#include "supervisor/dead_target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/list.h"
#include "base/scout.h"

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

struct opening {
	struct errand errand;
	const char *target;
};

static int
run_opening(struct errand *x, struct err *e)
{
	const struct opening *o = container_of(x, struct opening, errand);

	x->fds[0] = open_path(o->target, 0);
	if (x->fds[0] < 0)
		return err_set(e, errno, "%s", strerror(errno));
	x->n_fds = 1;
	return 0;
}

static int
open_by_child(const char *target, struct grace *g, struct err *e)
{
	struct opening o = {
		.errand = { .run = run_opening, .size = sizeof o },
		.target = target,
	};

	if (scout_send_within(&o.errand, g, e) != 0)
		return err_wrap(e, "%s", target);
	return o.errand.fds[0];
}

/* ---- for the supervisor ---- */

int
dead_target_open(const char *target, struct grace *g, struct err *e)
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
    const char *target, int mount, struct grace *g, struct err *e)
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
