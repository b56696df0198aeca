#include "supervisor/mapped.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/agent.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

enum { PATH_SIZE = 48, MAP_BYTES_MAX = 4096 };

/* ---- user namespaces ---- */

/* A map is a namespace's, and a namespace needs somebody in it until it is
 * open. */
static pid_t
start_in_namespace(void)
{
	/* Not clone3: where systemd restricts namespaces to this kind, it
	 * refuses the call whose flags it cannot see. */
	pid_t pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static int
write_map(
    pid_t pid, const char *name, const struct agent_id_map *m, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(MAP_BYTES_MAX);
	AUTO_CLOSE int fd = -1;
	char path[PATH_SIZE];

	for (uint32_t i = 0; i < m->n; i++)
		if (buf_printf(&text, e, "%u %u %u\n", m->ranges[i].inside,
			m->ranges[i].outside, m->ranges[i].count) != 0)
			return -1;
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len)
		return err_sys(e, "%s", name);
	return 0;
}

static int
open_namespace(const struct agent_map *m, struct err *e)
{
	pid_t pid = start_in_namespace();
	char path[PATH_SIZE];
	int fd = -1;

	if (pid < 0)
		return err_sys(e, "make a user namespace");
	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
	if (write_map(pid, "uid_map", &m->uids, e) == 0 &&
	    write_map(pid, "gid_map", &m->gids, e) == 0 &&
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		err_sys(e, "%s", path);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fd;
}

/* ---- mounts ---- */

static const char *
folder_of(char path[PATH_SIZE], uint64_t number)
{
	snprintf(path, PATH_SIZE, "i/%ju", (uintmax_t)number);
	return path;
}

/* Nobody is asked who may not answer: AT_STATX_DONT_SYNC. */
static bool
look(int dir, const char *path, struct statx *out)
{
	return statx(dir, path,
		   AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_SYMLINK_NOFOLLOW |
		       AT_NO_AUTOMOUNT,
		   0, out) == 0;
}

/* Whether what is mounted there is of the tree's file system.  A FUSE mount
 * whose daemon ended for good is another one's. */
static bool
is_there(const char *point, int tree)
{
	struct statx a, b;

	return look(AT_FDCWD, point, &a) && look(tree, "", &b) &&
	       (a.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0 &&
	       a.stx_dev_major == b.stx_dev_major &&
	       a.stx_dev_minor == b.stx_dev_minor;
}

/* However many lie on each other. */
static void
unmount(const char *point)
{
	while (umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
}

static int
make_point(const char *folder, const char *point, struct err *e)
{
	unmount(point);
	if ((mkdir("i", 0700) != 0 && errno != EEXIST) ||
	    (mkdir(folder, 0700) != 0 && errno != EEXIST) ||
	    (mkdir(point, 0700) != 0 && errno != EEXIST))
		return err_sys(e, "make mount point %s", point);
	return 0;
}

/* The copy has nothing to do with what is mounted in its original later. */
static int
give_owners(int tree, const struct agent_map *m, struct err *e)
{
	AUTO_CLOSE int namespace = open_namespace(m, e);
	struct mount_attr a = {
		.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY,
		.propagation = MS_PRIVATE,
		.userns_fd = namespace,
	};

	if (namespace < 0)
		return err_wrap(e, "other owners");
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &a, sizeof a) == 0)
		return 0;
	return err_set(e, ENOTSUP,
	    "this kernel cannot show %s with other owners (%s): %s",
	    m->id != NULL ? "images" : "the file system of snapshots",
	    m->id != NULL ? "Linux 6.12 can" : "ext4, xfs, btrfs and tmpfs can",
	    strerror(errno));
}

static bool
is_root_of(const struct agent_id_map *m, uint32_t id)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->ranges[i].inside == 0)
			return m->ranges[i].outside == id;
	return false;
}

static bool
is_theirs(int tree, const struct agent_map *m)
{
	struct stat st;

	return fstat(tree, &st) == 0 && is_root_of(&m->uids, st.st_uid) &&
	       is_root_of(&m->gids, st.st_gid);
}

int
mapped_make(int tree, const struct agent_map *m, struct err *e)
{
	char folder[PATH_SIZE], point[2 * PATH_SIZE];

	if (m->id == NULL && is_theirs(tree, m))
		return err_set(e, EALREADY, "the folder is theirs already");
	snprintf(point, sizeof point, "%s/%u", folder_of(folder, m->number),
	    m->place);
	if (is_there(point, tree))
		return 0;
	if (give_owners(tree, m, e) != 0 || make_point(folder, point, e) != 0)
		return -1;
	if (move_mount(tree, "", AT_FDCWD, point, MOVE_MOUNT_F_EMPTY_PATH) != 0)
		return err_sys(e, "mount %s", point);
	return 0;
}

/* ---- removal ---- */

static int
remove_place(const char *folder, const char *name, struct err *e)
{
	char point[PATH_SIZE + NAME_MAX];

	snprintf(point, sizeof point, "%s/%s", folder, name);
	unmount(point);
	return rmdir(point) == 0 ? 0 : err_sys(e, "remove RUN/m/%s", point);
}

static int
remove_folder(const char *folder, struct err *e)
{
	DIR *d = opendir(folder);
	struct dirent *entry;
	int rc = 0;

	if (d == NULL)
		return errno == ENOENT ? 0 : err_sys(e, "open %s", folder);
	while (rc == 0 && (entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			rc = remove_place(folder, entry->d_name, e);
	closedir(d);
	if (rc == 0 && rmdir(folder) != 0)
		return err_sys(e, "remove RUN/m/%s", folder);
	return rc;
}

int
mapped_remove(uint64_t number, struct err *e)
{
	char folder[PATH_SIZE];

	return remove_folder(folder_of(folder, number), e);
}

void
mapped_clean(void)
{
	DIR *d = opendir("i");
	struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL) {
		char folder[PATH_SIZE + NAME_MAX];
		struct err e;

		snprintf(folder, sizeof folder, "i/%s", entry->d_name);
		if (entry->d_name[0] != '.' && remove_folder(folder, &e) != 0)
			log_warn("left behind: %s", e.msg);
	}
	closedir(d);
	rmdir("i");
}
