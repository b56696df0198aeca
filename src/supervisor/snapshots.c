#include "supervisor/snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"

enum { NAME_SIZE = 24 };

/* A number is all that the worker may choose of a name. */
static const char *
name_of(char name[NAME_SIZE], uint64_t number)
{
	snprintf(name, NAME_SIZE, "%ju", (uintmax_t)number);
	return name;
}

static int
open_folder(int dir, const char *name)
{
	return openat(
	    dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The modes are what containerd's own snapshotter gives; umask has no say. */
static int
make_folder(int dir, const char *name, mode_t mode, struct err *e)
{
	AUTO_CLOSE int fd = -1;

	if (mkdirat(dir, name, mode) != 0 ||
	    (fd = open_folder(dir, name)) < 0 || fchmod(fd, mode) != 0)
		return err_sys(e, "make folder %s", name);
	return take_fd(&fd);
}

/* Who owns the fs of another. */
static int
find_owner(int dir, struct agent_snapshot_options *o, struct err *e)
{
	char name[NAME_SIZE];
	AUTO_CLOSE int own = open_folder(dir, name_of(name, o->like));
	struct stat st;

	if (own < 0 || fstatat(own, "fs", &st, AT_SYMLINK_NOFOLLOW) != 0)
		return err_sys(e, "snapshot %s", name);
	o->uid = st.st_uid;
	o->gid = st.st_gid;
	return 0;
}

static int
give_away(int fd, const struct agent_snapshot_options *o, struct err *e)
{
	if (fchown(fd, o->uid, o->gid) == 0)
		return 0;
	if (errno == EINVAL)
		return err_set(e, EINVAL,
		    "uid %u or gid %u is not in this user namespace (see "
		    "/etc/subuid and /etc/subgid)",
		    o->uid, o->gid);
	return err_sys(e, "give fs to %u:%u", o->uid, o->gid);
}

static int
fill(int dir, const char *name, const struct agent_snapshot_options *o,
    struct err *e)
{
	AUTO_CLOSE int own = make_folder(dir, name, 0755, e);
	AUTO_CLOSE int fs = -1;
	AUTO_CLOSE int work = -1;

	if (own < 0 || (fs = make_folder(own, "fs", 0755, e)) < 0 ||
	    give_away(fs, o, e) != 0)
		return -1;
	if (o->with_work && (work = make_folder(own, "work", 0711, e)) < 0)
		return -1;
	return 0;
}

int
snapshot_make(int dir, uint64_t number, const struct agent_snapshot_options *o,
    struct err *e)
{
	struct agent_snapshot_options owned = *o;
	char name[NAME_SIZE];
	struct err ignored;

	if (o->like != 0 && find_owner(dir, &owned, e) != 0)
		return -1;
	if (fill(dir, name_of(name, number), &owned, e) == 0)
		return 0;
	if (e->code != EEXIST)
		fs_remove_tree(dir, name, &ignored);
	return err_wrap(e, "snapshot %s", name);
}

static int
set_folder(int overlay, const char *key, int at, const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d/%s", at, name);
	return fsconfig(overlay, FSCONFIG_SET_STRING, key, path, 0);
}

static int
make_overlay(int own, int lower, bool in_user_ns)
{
	AUTO_CLOSE int overlay = fsopen("overlay", FSOPEN_CLOEXEC);

	if (overlay < 0 || set_folder(overlay, "lowerdir", lower, "") != 0 ||
	    set_folder(overlay, "upperdir", own, "fs") != 0 ||
	    set_folder(overlay, "workdir", own, "work") != 0)
		return -1;
	if (in_user_ns &&
	    fsconfig(overlay, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) != 0)
		return -1;
	return fsconfig(overlay, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

/* 0 is no snapshot's number. */
int
snapshots_probe(int dir, int lower, bool in_user_ns, struct err *e)
{
	struct agent_snapshot_options o = {
		.uid = geteuid(), .gid = getegid(), .with_work = true
	};
	struct err ignored;
	AUTO_CLOSE int own = -1;
	int rc;

	if (fs_remove_tree(dir, "0", e) != 0 ||
	    snapshot_make(dir, 0, &o, e) != 0)
		return -1;
	own = open_folder(dir, "0");
	rc = own < 0 ? -1 : make_overlay(own, lower, in_user_ns);
	if (rc != 0)
		err_sys(e, "overlayfs");
	fs_remove_tree(dir, "0", &ignored);
	return rc;
}

int
snapshot_copy(int dir, uint64_t number, struct err *e)
{
	char name[NAME_SIZE];
	AUTO_CLOSE int own = open_folder(dir, name_of(name, number));
	int fd = own < 0 ? -1
			 : open_tree(own, "fs",
			       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				   AT_SYMLINK_NOFOLLOW);

	return fd < 0 ? err_sys(e, "copy snapshot %s", name) : fd;
}

int
snapshot_remove(int dir, uint64_t number, struct err *e)
{
	char name[NAME_SIZE];

	if (fs_remove_tree(dir, name_of(name, number), e) != 0)
		return err_wrap(e, "remove snapshot");
	return 0;
}

int
snapshot_measure(int dir, uint64_t number, struct fs_usage *out, struct err *e)
{
	char name[NAME_SIZE];
	AUTO_CLOSE int own = open_folder(dir, name_of(name, number));

	if (own < 0)
		return err_sys(e, "snapshot %s", name);
	if (fs_measure_tree(own, "fs", out, e) != 0)
		return err_wrap(e, "measure snapshot %s", name);
	return 0;
}
