#include "supervisor/mounter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "supervisor/erofs.h"
#include "supervisor/fusermount.h"
#include "supervisor/login_file.h"
#include "supervisor/lost.h"
#include "supervisor/mapped.h"
#include "supervisor/message.h"
#include "supervisor/pages.h"
#include "supervisor/snapshots.h"
#include "supervisor/upper.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"

/* mount(2) copies one page of options. */
enum { OPTIONS_MAX = 4096 };

/* Whether something is mounted on RUN/m/ID, and its device. AT_STATX_DONT_SYNC:
 * a FUSE mount is not asked, it may have nobody to answer. */
static bool
find_mount(const char *id, dev_t *dev)
{
	struct statx x;

	if (statx(AT_FDCWD, id,
		AT_STATX_DONT_SYNC | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0,
		&x) != 0)
		return false;
	*dev = makedev(x.stx_dev_major, x.stx_dev_minor);
	return (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static int
make_point(const char *id, struct err *e)
{
	dev_t dev;

	if (find_mount(id, &dev))
		return err_set(e, EEXIST, "%s is mounted already", id);
	if (mkdir(id, 0755) != 0 && errno != EEXIST)
		return err_sys(e, "make mount point %s", id);
	return 0;
}

/* A hint: where it cannot be set, reads are smaller. */
static void
set_read_ahead(const char *id, uint32_t kb)
{
	AUTO_CLOSE int fd = -1;
	char path[64], text[16];
	dev_t dev;

	if (kb == 0 || !find_mount(id, &dev))
		return;
	snprintf(path, sizeof path, "/sys/class/bdi/%u:%u/read_ahead_kb",
	    major(dev), minor(dev));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	int n = snprintf(text, sizeof text, "%u", kb);
	if (fd < 0 || write(fd, text, n) != n)
		log_debug("%s: %s", path, strerror(errno));
}

static int
mount_fuse(const struct message *q, struct err *e)
{
	const char *id = q->name;
	unsigned long flags = q->body.fuse.is_writable != 0
				  ? MS_NOSUID | MS_NODEV | MS_NOEXEC
				  : MS_RDONLY;
	AUTO_CLOSE int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	char options[160];

	if (fd < 0)
		return err_sys(e, "open /dev/fuse");
	if (make_point(id, e) != 0)
		return -1;
	snprintf(options, sizeof options,
	    "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,"
	    "default_permissions,max_read=1048576",
	    fd);
	if (mount(q->body.fuse.source, id, "fuse.layerfs", flags, options) !=
	    0) {
		err_sys(e, "mount fuse on %s", id);
		rmdir(id);
		return -1;
	}
	set_read_ahead(id, q->number);
	return take_fd(&fd);
}

static int
start_fuse(const struct mounter *m, const struct message *q, struct err *e)
{
	const char *target = q->body.fuse.target;

	if (m->is_root && *target != '\0')
		return err_set(e, EINVAL,
		    "the system's daemon mounts below its own folder only");
	if (m->is_root)
		return mount_fuse(q, e);
	if (q->body.fuse.is_writable != 0)
		return err_set(
		    e, ENOTSUP, "a user's own daemon mounts read only");
	if (*target == '\0' && make_point(q->name, e) != 0)
		return -1;
	return fusermount_mount(
	    *target != '\0' ? target : q->name, q->body.fuse.source, e);
}

static int
try_or_mount_erofs(
    const struct message *q, const struct erofs_request *r, struct err *e)
{
	int rc = -1;

	if (make_point(r->id, e) != 0)
		return -1;
	if (q->body.erofs.is_trial != 0)
		rc = erofs_try(r, e);
	else
		rc = erofs_mount(r, e);
	if (rc != 0 || q->body.erofs.is_trial != 0)
		rmdir(r->id);
	return rc;
}

static int
start_erofs(
    const struct mounter *m, const struct message *q, int index, struct err *e)
{
	const struct erofs_request r = { .id = q->name,
		.source = q->body.erofs.source,
		.data = q->body.erofs.data,
		.index = index,
		.read_ahead_kb = q->number,
		.is_loop = q->body.erofs.is_loop != 0,
		.newest_bdi = m->newest_bdi };
	int fd;

	if (!m->is_root)
		return err_set(e, ENOTSUP, "EROFS is mounted by root only");
	if (try_or_mount_erofs(q, &r, e) != 0)
		return -1;
	fd = fcntl(index, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? err_sys(e, "keep the index") : fd;
}

static int
overlay_options(const struct mounter *m, const struct message *q,
    const int pair[2], struct buf *out, struct err *e)
{
	const char *before = "lowerdir=";

	for (uint32_t i = 0; i < q->number; i++, before = ":")
		if (buf_printf(out, e, "%s%s", before, q->body.lowers[i]) != 0)
			return err_wrap(e, "too many lower layers");
	if (buf_printf(out, e,
		",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d%s",
		pair[0], pair[1], m->in_user_ns ? ",userxattr" : "") != 0)
		return err_wrap(e, "too many lower layers");
	return 0;
}

static int
mount_overlay(const struct mounter *m, const struct message *q,
    const int pair[2], const char *more, struct err *e)
{
	AUTO_BUF struct buf options = BUF_INIT(OPTIONS_MAX - 1);

	if (overlay_options(m, q, pair, &options, e) != 0 ||
	    buf_printf(&options, e, "%s", more) != 0 ||
	    make_point(q->name, e) != 0)
		return -1;
	if (mount("layerfs", q->name, "overlay", 0, buf_str(&options)) == 0)
		return 0;
	if (errno == EINVAL)
		err_set(e, EINVAL,
		    "overlayfs refuses this upper layer: upper and work must "
		    "be two folders beside each other, work empty, on one "
		    "local file system with xattrs and file types in its "
		    "folders (ext4, xfs, btrfs, tmpfs; not overlayfs or NFS)");
	else
		err_sys(e, "mount overlay on %s", q->name);
	rmdir(q->name);
	return -1;
}

static int
start_overlay(const struct mounter *m, const struct message *q,
    const int *given, unsigned n_given, struct err *e)
{
	struct err ignored;
	int made[2], rc;

	if (!m->is_root)
		return err_set(
		    e, ENOTSUP, "a user's own daemon mounts no overlay");
	if (n_given == 2) {
		upper_note(m->uppers, q->name, given);
		rc = mount_overlay(m, q, given, "", e);
	} else if ((rc = upper_make(m->uppers, q->name, e)) == 0 &&
		   (rc = upper_open(m->uppers, q->name, made, e)) == 0) {
		rc = mount_overlay(m, q, made, "", e);
	}
	if (rc != 0)
		upper_remove(m->uppers, q->name, &ignored);
	return rc;
}

/* RUN/m is a shared mount, and a copy would share with all others of its mount
 * what is mounted in them.  Linux 5.12; before it they do. */
static int
clone_mount(const struct mounter *m, const char *id, struct err *e)
{
	struct mount_attr alone = { .propagation = MS_PRIVATE };
	dev_t dev;
	int fd;

	if (!m->is_root)
		return err_set(
		    e, ENOTSUP, "a user's own daemon cannot copy mounts");
	if (!find_mount(id, &dev))
		return err_set(e, ENOENT, "%s is not mounted", id);
	fd = open_tree(AT_FDCWD, id, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "copy mount %s", id);
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &alone, sizeof alone) != 0)
		log_debug("mount %s is shared: %s", id, strerror(errno));
	return fd;
}

/* The overlay of a mount that was lost, with what was written to it.  An index would
 * refuse it: who has a file of the old one open uses the folder still, and the
 * lower one may be another file system than the index has noted. */
static int
mount_overlay_again(
    const struct mounter *m, const struct message *q, struct err *e)
{
	struct message o = { .number = 1 };
	int pair[2];
	dev_t dev;

	strcpy(o.name, q->body.attach.overlay);
	strcpy(o.body.lowers[0], q->name);
	if (find_mount(o.name, &dev)) /* for a worker that died meanwhile */
		return 0;
	if (upper_open(m->uppers, o.name, pair, e) != 0)
		return -1;
	return mount_overlay(m, &o, pair, ",index=off", e);
}

static int
attach_mount(
    const struct mounter *m, const struct message *q, int folder, struct err *e)
{
	const char *overlay = q->body.attach.overlay;
	AUTO_CLOSE int mount = -1;

	if (*overlay != '\0' && mount_overlay_again(m, q, e) != 0)
		return -1;
	mount = clone_mount(m, *overlay != '\0' ? overlay : q->name, e);
	if (mount < 0)
		return -1;
	if (lost_put_back(mount, folder, q->body.attach.attributes, e) == 0)
		return 0;
	return err_wrap(e, "%s", q->body.attach.target);
}

int
mounter_remove_upper(const struct mounter *m, const char *id, struct err *e)
{
	if (lost_find_overlay(m->lost, id) != NULL)
		return 0;
	return m->puts_aside ? upper_put_aside(m->uppers, id, e)
			     : upper_remove(m->uppers, id, e);
}

static int
unmount(
    const struct mounter *m, const char *id, const char *target, struct err *e)
{
	dev_t dev;

	if (!m->is_root && *target != '\0')
		return fusermount_unmount(target, true, e);
	if (find_mount(id, &dev)) {
		if (!m->is_root && fusermount_unmount(id, true, e) != 0)
			return -1;
		if (m->is_root &&
		    umount2(id, MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
			return err_sys(e, "unmount %s", id);
	}
	if (rmdir(id) != 0 && errno != ENOENT)
		return err_sys(e, "remove mount point %s", id);
	if (m->is_root)
		erofs_clean(id);
	return m->uppers >= 0 ? mounter_remove_upper(m, id, e) : 0;
}

static int
make_snapshot(const struct mounter *m, const struct message *q, struct err *e)
{
	const struct agent_snapshot_options o = {
		.uid = q->body.snapshot.uid,
		.gid = q->body.snapshot.gid,
		.like = q->body.snapshot.like,
		.with_work = q->body.snapshot.with_work != 0,
	};

	if (m->takes_no_upper && o.with_work)
		return err_set(e, ENOTSUP,
		    "overlayfs takes no upper folders on the file system of "
		    "ROOT: it must be a local one, and not overlayfs itself");
	return snapshot_make(m->snapshots, q->body.snapshot.number, &o, e);
}

static int
measure_snapshot(const struct mounter *m, struct message *q, struct err *e)
{
	struct fs_usage u;

	if (snapshot_measure(m->snapshots, q->body.snapshot.number, &u, e) != 0)
		return -1;
	q->body.usage.bytes = u.bytes;
	q->body.usage.inodes = u.inodes;
	return 0;
}

/* Its lower folders go with it. */
static int
remove_snapshot(const struct mounter *m, const struct message *q, struct err *e)
{
	uint64_t number = q->body.snapshot.number;

	if (mapped_remove(number, e) != 0)
		return -1;
	return snapshot_remove(m->snapshots, number, e);
}

static int
map_lower(const struct mounter *m, const struct message *q, struct err *e)
{
	const struct agent_map map = {
		.number = q->body.map.number,
		.place = q->body.map.place,
		.id = q->name[0] != '\0' ? q->name : NULL,
		.lower = q->body.map.lower,
		.uids = q->body.map.uids,
		.gids = q->body.map.gids,
	};
	AUTO_CLOSE int tree = map.id != NULL
				  ? clone_mount(m, map.id, e)
				  : snapshot_copy(m->snapshots, map.lower, e);

	return tree < 0 ? -1 : mapped_make(tree, &map, e);
}

static int
run_on_snapshot(const struct mounter *m, struct message *q, struct err *e)
{
	if (m->snapshots < 0)
		return err_set(
		    e, ENOTSUP, "a user's own daemon has no snapshots");
	switch (q->kind) {
	case MESSAGE_MAKE:
		return make_snapshot(m, q, e);
	case MESSAGE_MEASURE:
		return measure_snapshot(m, q, e);
	case MESSAGE_MAP:
		return map_lower(m, q, e);
	case MESSAGE_UNMAP:
		return mapped_remove(q->body.snapshot.number, e);
	default:
		return remove_snapshot(m, q, e);
	}
}

/* An overlay syncs the disk that its upper layer lies on. */
static bool
may_end_late(const struct mounter *m, const struct message *unmount)
{
	return unmount->number != 0 ||
	       (m->uppers >= 0 && upper_is_elsewhere(m->uppers, unmount->name));
}

static int
run_on_mount(const struct mounter *m, struct message *q, const int *fds,
    unsigned n_fds, int *fd, struct err *e)
{
	switch (q->kind) {
	case MESSAGE_FUSE:
		*fd = start_fuse(m, q, e);
		return *fd < 0 ? -1 : 0;
	case MESSAGE_EROFS:
		*fd = start_erofs(m, q, fds[0], e);
		return *fd < 0 ? -1 : 0;
	case MESSAGE_CLONE:
		*fd = clone_mount(m, q->name, e);
		return *fd < 0 ? -1 : 0;
	case MESSAGE_ATTACH:
		return attach_mount(m, q, fds[0], e);
	case MESSAGE_PAGES:
		return pages_drop(
		    q->name, q->body.nids, q->number, &q->number, e);
	case MESSAGE_OVERLAY:
		return start_overlay(m, q, fds, n_fds, e);
	default:
		q->number = may_end_late(m, q) && erofs_unmount(q->name);
		return unmount(m, q->name, q->body.fuse.target, e);
	}
}

int
mounter_run(const struct mounter *m, struct message *q, const int *fds,
    unsigned n_fds, int *fd, struct err *e)
{
	*fd = -1;
	if (q->kind == MESSAGE_SWEEP) {
		uppers_sweep(m->uppers);
		return 0;
	}
	if (q->kind == MESSAGE_LOGIN) {
		*fd = login_file_copy(m->login_files, q->number, e);
		return *fd < 0 ? -1 : 0;
	}
	if (fchdir(m->points) != 0)
		return err_sys(e, "enter the mount points' folder");
	switch (q->kind) {
	case MESSAGE_MAKE:
	case MESSAGE_REMOVE:
	case MESSAGE_MEASURE:
	case MESSAGE_MAP:
	case MESSAGE_UNMAP:
		return run_on_snapshot(m, q, e);
	default:
		return run_on_mount(m, q, fds, n_fds, fd, e);
	}
}

static int
clean_point(const struct mounter *m, const char *name, struct err *e)
{
	return message_is_id(name) ? unmount(m, name, "", e) : 0;
}

static void
clean_each(const struct mounter *m, int dir,
    int (*clean)(const struct mounter *m, const char *name, struct err *e))
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct err e;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.' && clean(m, entry->d_name, &e) != 0)
			log_warn("left behind: %s", e.msg);
	closedir(d);
}

void
mounter_clean(const struct mounter *m)
{
	if (fchdir(m->points) == 0) {
		mapped_clean();
		clean_each(m, m->points, clean_point);
	}
	/* After a reboot nothing lies at RUN/m any more, but these do. */
	if (m->uppers >= 0)
		clean_each(m, m->uppers, mounter_remove_upper);
}
