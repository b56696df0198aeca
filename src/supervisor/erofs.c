#include "supervisor/erofs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/agent.h"
#include "supervisor/loop_device.h"
#include "base/cleanup.h"
#include "base/close_all_but.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"

enum { PATH_SIZE = 2 * AGENT_ID_MAX + 16 };

/* ---- the name in /proc/mounts ---- */

/* mount(2) opens its source, so what /proc/mounts shows must be a path that
 * leads to the index.  RUN/m/.ID/SOURCE is a link that does, for as long as
 * mount(2) takes, and RUN/m/.ID the current folder meanwhile. */
static const char *
folder_of(char path[PATH_SIZE], const char *id)
{
	snprintf(path, PATH_SIZE, ".%s", id);
	return path;
}

/* A reference's slashes make folders; what would lead elsewhere does not. */
static void
choose_name(char name[NAME_MAX + 1], const char *source)
{
	size_t n;

	snprintf(name, NAME_MAX + 1, "%s", source);
	n = strlen(name);
	if (*name == '/' || *name == '.' || name[n - 1] == '/' ||
	    strstr(name, "//") != NULL || strstr(name, "/.") != NULL)
		for (char *p = name; (p = strchr(p, '/')) != NULL;)
			*p = '_';
}

static int
make_parents(const char *name, struct err *e)
{
	char parents[NAME_MAX + 1];
	char *end;

	snprintf(parents, sizeof parents, "%s", name);
	end = strrchr(parents, '/');
	if (end == NULL)
		return 0;
	*end = '\0';
	return fs_make_dirs(AT_FDCWD, parents, 0700, e);
}

/* Leaves RUN/m/.ID the current folder. */
static int
make_source(const char *id, const char *name, const char *to, struct err *e)
{
	char folder[PATH_SIZE];

	folder_of(folder, id);
	if (fs_remove_tree(AT_FDCWD, folder, e) != 0)
		return -1;
	if (mkdir(folder, 0700) != 0 || chdir(folder) != 0)
		return err_sys(e, "make RUN/m/%s", folder);
	if (make_parents(name, e) != 0)
		return -1;
	return symlink(to, name) == 0 ? 0 : err_sys(e, "name the mount");
}

static int
mount_as(const struct erofs_request *q, const char *index, const char *data,
    struct err *e)
{
	char name[NAME_MAX + 1], options[PATH_SIZE + 8], target[PATH_SIZE];
	char folder[PATH_SIZE];
	struct err ignored;
	int rc;

	choose_name(name, q->source);
	snprintf(options, sizeof options, "device=%s", data);
	snprintf(target, sizeof target, "../%s", q->id);
	rc = make_source(q->id, name, index, e);
	if (rc == 0 && mount(name, target, "erofs", MS_RDONLY, options) != 0)
		rc = err_sys(e, "mount erofs");
	if (chdir("..") == 0)
		fs_remove_tree(AT_FDCWD, folder_of(folder, q->id), &ignored);
	return rc;
}

/* ---- readahead ---- */

/* A mount of a file has a bdi whose name is a running number and known to
 * nobody: "erofs-7". */
static long
bdi_number(const char *name)
{
	return strncmp(name, "erofs-", 6) == 0 ? strtol(name + 6, NULL, 10)
					       : -1;
}

/* False where there is no such bdi. */
static bool
write_read_ahead(long number, uint32_t kb)
{
	char path[64], text[16];
	AUTO_CLOSE int fd = -1;
	int n = snprintf(text, sizeof text, "%u", kb);

	snprintf(path, sizeof path, "/sys/class/bdi/erofs-%ld/read_ahead_kb",
	    number);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, text, n) != n)
		log_debug("%s: %s", path, strerror(errno));
	return fd >= 0;
}

/* Gives the window to each that is newer, 0: to none; returns the newest.
 * Another's that was made at the same time gets it too, which does no harm. */
static long
set_newer(long than, uint32_t kb)
{
	DIR *d = opendir("/sys/class/bdi");
	struct dirent *entry;
	long newest = -1;

	if (d == NULL)
		return -1;
	while ((entry = readdir(d)) != NULL) {
		long n = bdi_number(entry->d_name);

		if (n > newest)
			newest = n;
		if (n > than && kb > 0)
			write_read_ahead(n, kb);
	}
	closedir(d);
	return newest;
}

/* The same without a list of them all, as long as one follows another; other
 * file systems' bdis have numbers in between. */
static long
set_following(long than, uint32_t kb)
{
	enum { GAP = 16 };
	long newest = than;

	for (long n = than + 1; n <= newest + GAP; n++)
		if (write_read_ahead(n, kb))
			newest = n;
	return newest;
}

static long
last_newest(const struct erofs_request *q)
{
	long newest = q->newest_bdi != NULL ? atomic_load(q->newest_bdi) : 0;

	return newest > 0 ? newest : set_newer(-1, 0);
}

static void
set_window(const struct erofs_request *q, long than)
{
	long newest;

	if (q->read_ahead_kb == 0)
		return;
	newest = set_following(than, q->read_ahead_kb);
	if (newest == than)
		newest = set_newer(than, q->read_ahead_kb);
	if (q->newest_bdi != NULL)
		atomic_store(q->newest_bdi, newest);
}

/* ---- mounting ---- */

static int
mount_file(const struct erofs_request *q, struct err *e)
{
	char index[PATH_SIZE], data[PATH_SIZE + 8];
	long newest = last_newest(q);

	snprintf(index, sizeof index, "/proc/self/fd/%d", q->index);
	snprintf(data, sizeof data, "../%s/%s", q->data, q->id);
	if (mount_as(q, index, data, e) != 0)
		return -1;
	set_window(q, newest);
	return 0;
}

static int
mount_loop(const struct erofs_request *q, struct err *e)
{
	char path[PATH_SIZE];
	AUTO_CLOSE int data = -1;
	struct loop_device i = LOOP_DEVICE_NONE, d = LOOP_DEVICE_NONE;
	int rc = -1;

	snprintf(path, sizeof path, "%s/%s", q->data, q->id);
	data = open(path, O_RDONLY | O_CLOEXEC);
	if (data < 0)
		return err_sys(e, "open the data");
	if (loop_device_open(&i, q->index, false, q->read_ahead_kb, e) == 0 &&
	    loop_device_open(&d, data, true, 0, e) == 0)
		rc = mount_as(q, i.path, d.path, e);
	loop_device_close(&i);
	loop_device_close(&d);
	return rc;
}

int
erofs_mount(const struct erofs_request *q, struct err *e)
{
	return q->is_loop ? mount_loop(q, e) : mount_file(q, e);
}

/* ---- unmounting ---- */

enum { MOMENT_MS = 100 };

/* The process that unmounts: this very mount, for it may come so late that another
 * one is at its place.  It is the last that has it, and so the one that waits for its
 * end.  Of the supervisor's own descriptors it may hold none: reads that hold it up
 * end with a session's last. */
static void
run_unmount(int mount, int sock)
{
	char path[32], byte;

	close_all_but_two(mount, sock);
	snprintf(path, sizeof path, "/proc/self/fd/%d", mount);
	if (read(sock, &byte, 1) == 0) /* whoever started it has let go of it */
		umount2(path, MNT_DETACH);
	close(mount);
	_exit(0);
}

/* Its end of the socket closes when it is done. */
static int
start_unmount(const char *id)
{
	int mount = open(id, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int pair[2] = { -1, -1 };
	pid_t pid = -1;

	if (mount >= 0 &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0)
		pid = fork();
	if (pid == 0)
		run_unmount(mount, pair[1]);
	cleanup_close(&mount);
	cleanup_close(&pair[1]);
	if (pid > 0 && shutdown(pair[0], SHUT_WR) == 0)
		return pair[0];
	cleanup_close(&pair[0]);
	return -1;
}

bool
erofs_unmount(const char *id)
{
	AUTO_CLOSE int done = start_unmount(id);
	struct pollfd p = { .fd = done, .events = POLLIN };

	return done >= 0 && poll(&p, 1, MOMENT_MS) == 0;
}

/* ---- the trial ---- */

static int
check_bytes(const char *folder, struct err *e)
{
	char path[PATH_SIZE], text[sizeof AGENT_TRIAL_TEXT] = "";
	AUTO_CLOSE int fd = -1;

	snprintf(path, sizeof path, "%s/%s", folder, AGENT_TRIAL_FILE);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
		return err_sys(e, "read");
	if (strcmp(text, AGENT_TRIAL_TEXT) != 0)
		return err_set(e, EIO, "read other bytes than were served");
	return 0;
}

/* overlayfs without an upper folder wants two lower ones. */
static int
check_overlay(const char *lower, const char *empty, const char *point,
    const char *name, struct err *e)
{
	char options[3 * PATH_SIZE];

	snprintf(options, sizeof options, "lowerdir=%s:%s", lower, empty);
	if (mkdir(point, 0700) != 0)
		return err_sys(e, "make %s", point);
	if (mount("layerfs", point, "overlay", MS_RDONLY, options) != 0)
		return err_sys(e, "mount %s", name);
	return check_bytes(point, e);
}

static void
overlays_of(const char *id, char one[PATH_SIZE], char two[PATH_SIZE])
{
	snprintf(one, PATH_SIZE, ".%s/one", id);
	snprintf(two, PATH_SIZE, ".%s/two", id);
}

void
erofs_clean(const char *id)
{
	char folder[PATH_SIZE], one[PATH_SIZE], two[PATH_SIZE];
	struct err e;

	overlays_of(id, one, two);
	umount2(two, MNT_DETACH | UMOUNT_NOFOLLOW);
	umount2(one, MNT_DETACH | UMOUNT_NOFOLLOW);
	if (fs_remove_tree(AT_FDCWD, folder_of(folder, id), &e) != 0)
		log_warn("left behind: %s", e.msg);
}

static int
check_all(const char *id, struct err *e)
{
	char empty[PATH_SIZE], one[PATH_SIZE], two[PATH_SIZE];
	int rc = -1;

	snprintf(empty, sizeof empty, ".%s/empty", id);
	overlays_of(id, one, two);
	if (check_bytes(id, e) != 0)
		return -1;
	if (fs_make_dirs(AT_FDCWD, empty, 0700, e) == 0 &&
	    check_overlay(id, empty, one, "an overlay on it", e) == 0)
		rc = check_overlay(one, empty, two, "an overlay on overlay", e);
	return rc;
}

int
erofs_try(const struct erofs_request *q, struct err *e)
{
	int rc = erofs_mount(q, e);

	if (rc == 0)
		rc = check_all(q->id, e);
	umount2(q->id, MNT_DETACH | UMOUNT_NOFOLLOW);
	erofs_clean(q->id);
	return rc;
}
