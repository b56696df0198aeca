#include "supervisor/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/activation.h"
#include "supervisor/agent.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"

enum { BACKLOG = 64 };

#define STORE_LINK "m/" AGENT_STORE_ID

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

/* ---- sockets ---- */

/* systemd clears O_NONBLOCK unless the service says NonBlocking=yes. */
static int
without_blocking(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

/* A socket without a name of ours is "control", which alone was there once. */
static void
take_given(struct rundir *r, struct activation *given)
{
	r->control = without_blocking(activation_find(given, "control"));
	r->snapshotter =
	    without_blocking(activation_find(given, "snapshotter"));
	r->cri = without_blocking(activation_find(given, "cri"));
	if (r->control < 0)
		r->control = without_blocking(activation_find_listener(given));
}

/* bind(2) takes the path through the descriptor: sun_path is short. */
static int
bind_at(int fd, int dir, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	mode_t mask;
	int rc;

	snprintf(
	    a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/%s", dir, name);
	unlinkat(dir, name, 0);
	mask = umask(0177);
	rc = bind(fd, (struct sockaddr *)&a, sizeof a);
	umask(mask);
	return rc;
}

/* Under another name first: whoever finds the name of a daemon that is starting
 * again is listened to. */
static int
listen_on(int dir, const char *name, struct err *e)
{
	AUTO_CLOSE int fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char new_name[32];

	if (fd < 0)
		return err_sys(e, "make a socket");
	snprintf(new_name, sizeof new_name, "%s.new", name);
	if (bind_at(fd, dir, new_name) != 0 || listen(fd, BACKLOG) != 0 ||
	    renameat(dir, new_name, dir, name) != 0)
		return err_sys(e, "listen on RUN/%s", name);
	return take_fd(&fd);
}

/* Unless systemd gave it. */
static int
open_socket(struct rundir *r, int *fd, const char *name, struct err *e)
{
	if (*fd < 0)
		*fd = listen_on(r->dir, name, e);
	return *fd < 0 ? -1 : 0;
}

static int
open_sockets(
    struct rundir *r, bool is_root, struct activation *given, struct err *e)
{
	take_given(r, given);
	if (open_socket(r, &r->control, "control.sock", e) != 0)
		return -1;
	if (!is_root)
		return 0;
	if (open_socket(r, &r->snapshotter, "snapshotter.sock", e) != 0)
		return -1;
	return open_socket(r, &r->cri, "cri.sock", e);
}

int
rundir_open_metrics(struct rundir *r, struct err *e)
{
	return open_socket(r, &r->metrics, "metrics.sock", e);
}

/* ---- mounts ---- */

enum { TARGET_SIZE = 48 };

static const char *
target_of(char target[TARGET_SIZE], const struct rundir *r, const char *name)
{
	snprintf(target, TARGET_SIZE, "/proc/self/fd/%d/%s", r->dir, name);
	return target;
}

/* However many lie on each other. */
static void
unmount(const struct rundir *r, const char *name)
{
	char target[TARGET_SIZE];

	target_of(target, r, name);
	while (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
}

static bool
is_mounted(int fd)
{
	struct statx x;

	return statx(fd, "", AT_EMPTY_PATH, 0, &x) == 0 &&
	       (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static int
mount_points(struct rundir *r, struct err *e)
{
	char target[TARGET_SIZE];
	int fd;

	target_of(target, r, "m");
	if (!is_mounted(r->points) &&
	    mount("layerfs", target, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		"mode=0711") != 0)
		return err_sys(e, "mount RUN/m");
	if (mount(NULL, target, NULL, MS_SHARED, NULL) != 0)
		return err_sys(e, "make RUN/m a shared mount");
	fd = open_points(r->dir, e);
	if (fd < 0)
		return -1;
	cleanup_close(&r->points);
	r->points = fd;
	return 0;
}

static bool
shows(const struct rundir *r, const char *name, int folder)
{
	struct stat a, b;

	return fstatat(r->dir, name, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(folder, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* An earlier supervisor's stays: containers may be starting by it. */
static int
bind_snapshots(struct rundir *r, int snapshots, struct err *e)
{
	char source[TARGET_SIZE], target[TARGET_SIZE];

	if (shows(r, "s", snapshots))
		return 0;
	snprintf(source, sizeof source, "/proc/self/fd/%d", snapshots);
	unmount(r, "s");
	if (mkdirat(r->dir, "s", 0700) != 0 && errno != EEXIST)
		return err_sys(e, "make RUN/s");
	if (mount(source, target_of(target, r, "s"), NULL, MS_BIND, NULL) != 0)
		return err_sys(e, "bind RUN/s");
	return 0;
}

/* Whichever it is: a link or an empty folder. */
static void
remove_store(const struct rundir *r)
{
	if (unlinkat(r->dir, "store", 0) != 0)
		unlinkat(r->dir, "store", AT_REMOVEDIR);
}

static int
link_store(struct rundir *r, struct err *e)
{
	char to[sizeof STORE_LINK + 1];

	if (readlinkat(r->dir, "store", to, sizeof to) == strlen(STORE_LINK) &&
	    memcmp(to, STORE_LINK, strlen(STORE_LINK)) == 0)
		return 0;
	remove_store(r);
	if (symlinkat(STORE_LINK, r->dir, "store") != 0)
		return err_sys(e, "make RUN/store");
	return 0;
}

int
rundir_mount(struct rundir *r, int snapshots, struct err *e)
{
	if (mount_points(r, e) != 0 || bind_snapshots(r, snapshots, e) != 0)
		return -1;
	return link_store(r, e);
}

/* podman does nothing at all where the folder of a store is missing. */
void
rundir_unmount(const struct rundir *r)
{
	unmount(r, "m");
	unmount(r, "s");
	remove_store(r);
	mkdirat(r->dir, "store", 0700);
}

/* ---- from start to end ---- */

int
rundir_open(struct rundir *r, const char *run, bool is_root,
    struct activation *given, struct err *e)
{
	*r = RUNDIR_NONE;
	if (fs_make_dirs(AT_FDCWD, run, 0755, e) == 0 &&
	    (r->dir = fs_open_dir(AT_FDCWD, run, e)) >= 0 &&
	    (r->lock = lock(r->dir, run, e)) >= 0 &&
	    (r->points = open_points(r->dir, e)) >= 0 &&
	    open_sockets(r, is_root, given, e) == 0)
		return 0;
	rundir_close(r);
	return -1;
}

void
rundir_close(struct rundir *r)
{
	cleanup_close(&r->metrics);
	cleanup_close(&r->cri);
	cleanup_close(&r->snapshotter);
	cleanup_close(&r->control);
	cleanup_close(&r->points);
	cleanup_close(&r->lock);
	cleanup_close(&r->dir);
	*r = RUNDIR_NONE;
}
