/* Walks trees that strangers made: one descriptor at a time however deep the
 * tree is, by names and "..", never by paths.
 *
 *	enter(folder) -> every entry: a file is visited at once, a folder's
 *	name is kept -> one kept name after the other is entered -> leave
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/hmap.h"
#include "base/limits.h"

/* A folder that the walk is in, and the folders in it that are still to do. */
struct level {
	struct level *up;
	dev_t dev;
	ino_t ino;
	struct buf names; /* NUL-terminated, one after the other */
	size_t done;      /* bytes of them */
	const char *entered;
};

struct walk {
	int fd; /* the folder of `top` */
	struct level *top;

	/* An entry that is no folder, and a folder that is done: by its name
	 * in `dir`.  And one that is a mount point. */
	int (*visit)(struct walk *w, int dir, const char *name, struct err *e);
	int (*leave)(struct walk *w, int dir, const char *name, struct err *e);
	int (*pass)(const char *name, struct err *e);
};

static int
open_root(int dir, const char *name)
{
	return openat(
	    dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Where openat2(2) is not known: in sandboxes, and under valgrind.  A mount is
 * told without being asked, as whoever serves it may be dead. */
static int
open_by_look(int dir, const char *name)
{
	struct statx x;

	if (strcmp(name, "..") != 0 &&
	    statx(dir, name,
		AT_STATX_DONT_SYNC | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0,
		&x) == 0 &&
	    (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) {
		errno = EXDEV;
		return -1;
	}
	return open_root(dir, name);
}

/* EXDEV: a mount point.  ELOOP or ENOTDIR: a link or a file by now. */
static int
open_folder(int dir, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV,
	};
	int fd = syscall(SYS_openat2, dir, name, &how, sizeof how);

	return fd < 0 && errno == ENOSYS ? open_by_look(dir, name) : fd;
}

static bool
is_folder(int dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

static bool
is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void
close_dir(DIR **d)
{
	if (*d != NULL)
		closedir(*d);
}

static int
read_folder(struct walk *w, struct err *e)
{
	AUTO_CLOSE int own = openat(w->fd, ".", O_RDONLY | O_CLOEXEC);
	CLEANUP(close_dir) DIR *d = own < 0 ? NULL : fdopendir(own);
	struct level *l = w->top;
	struct dirent *entry;

	if (d == NULL)
		return err_sys(e, "read a folder");
	take_fd(&own);
	while ((entry = readdir(d)) != NULL) {
		const char *name = entry->d_name;
		int rc = 0;

		if (is_dot(name))
			continue;
		if (is_folder(w->fd, entry))
			rc = buf_append(&l->names, name, strlen(name) + 1, e);
		else
			rc = w->visit(w, w->fd, name, e);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* Takes fd. */
static int
push(struct walk *w, int fd, struct err *e)
{
	struct level *l = calloc(1, sizeof *l);
	struct stat st;

	cleanup_close(&w->fd);
	w->fd = fd;
	if (l == NULL)
		return err_set(e, ENOMEM, "walk a tree");
	l->names.max = LIMIT_FOLDER_NAMES_BYTES;
	l->up = w->top;
	w->top = l;
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat a folder");
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return read_folder(w, e);
}

static void
pop(struct walk *w)
{
	struct level *l = w->top;

	w->top = l->up;
	buf_release(&l->names);
	free(l);
}

static int
enter(struct walk *w, const char *name, struct err *e)
{
	int fd = open_folder(w->fd, name);

	if (fd >= 0)
		return push(w, fd, e);
	if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
		return 0;
	if (errno == EXDEV)
		return w->pass(name, e);
	return err_sys(e, "open folder %s", name);
}

/* Up one level.  Who moves folders about meanwhile must not lead us out. */
static int
go_up(struct walk *w, struct err *e)
{
	int fd = open_folder(w->fd, "..");
	struct stat st;

	pop(w);
	cleanup_close(&w->fd);
	w->fd = fd;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "leave a folder");
	if (st.st_dev != w->top->dev || st.st_ino != w->top->ino)
		return err_set(e, EAGAIN, "a folder was moved meanwhile");
	return w->leave(w, w->fd, w->top->entered, e);
}

static int
walk_on(struct walk *w, struct err *e)
{
	for (;;) {
		struct level *l = w->top;
		int rc;

		if (l->done < l->names.len) {
			l->entered = (char *)l->names.data + l->done;
			l->done += strlen(l->entered) + 1;
			rc = enter(w, l->entered, e);
		} else if (l->up != NULL) {
			rc = go_up(w, e);
		} else {
			return 0;
		}
		if (rc < 0)
			return -1;
	}
}

/* The folder `fd`, which it takes, and all below. */
static int
walk(struct walk *w, int fd, struct err *e)
{
	int rc;

	w->fd = -1;
	rc = push(w, fd, e);
	if (rc == 0)
		rc = walk_on(w, e);
	while (w->top != NULL)
		pop(w);
	cleanup_close(&w->fd);
	return rc;
}

/* ---- removing ---- */

/* Takes the immutable and the append-only flag away. */
static void
unprotect_fd(int fd)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 &&
	    (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) != 0) {
		flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
		ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
}

/* Of the entry and of its folder.  Only files and folders are opened: a device
 * would notice. */
static void
unprotect(int dir, const char *name)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	unprotect_fd(dir);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		unprotect_fd(fd);
}

static int
unlink_at(int dir, const char *name, int flags)
{
	if (unlinkat(dir, name, flags) == 0 || errno == ENOENT)
		return 0;
	if (errno != EPERM)
		return -1;
	unprotect(dir, name);
	return unlinkat(dir, name, flags) < 0 && errno != ENOENT ? -1 : 0;
}

static int
remove_file(struct walk *w, int dir, const char *name, struct err *e)
{
	(void)w;
	return unlink_at(dir, name, 0) < 0 ? err_sys(e, "remove %s", name) : 0;
}

static int
remove_folder(struct walk *w, int dir, const char *name, struct err *e)
{
	(void)w;
	return unlink_at(dir, name, AT_REMOVEDIR) < 0
		   ? err_sys(e, "remove folder %s", name)
		   : 0;
}

static int
refuse_mount(const char *name, struct err *e)
{
	return err_set(e, EBUSY, "something is mounted on %s", name);
}

/* The name may be a path, so only its end is looked at. */
static bool
is_mount(int fd)
{
	struct statx x;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &x) == 0 &&
	       (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

int
fs_remove_tree(int dir, const char *name, struct err *e)
{
	struct walk w = { .visit = remove_file,
		.leave = remove_folder,
		.pass = refuse_mount };
	AUTO_CLOSE int fd = open_root(dir, name);

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP || errno == ENOENT))
		return remove_file(&w, dir, name, e);
	if (fd < 0)
		return err_sys(e, "open folder %s", name);
	if (is_mount(fd))
		return refuse_mount(name, e);
	if (walk(&w, take_fd(&fd), e) < 0)
		return err_wrap(e, "%s", name);
	return remove_folder(&w, dir, name, e);
}

/* ---- measuring ---- */

struct measure {
	struct walk walk;
	struct fs_usage *usage;
	/* files with several names that were counted */
	struct hmap links;
	struct link *all;
};

struct link {
	struct hnode node;
	struct link *next;
	dev_t dev;
	ino_t ino;
};

/* False when it was counted already. */
static bool
note_link(struct measure *m, const struct stat *st)
{
	uint64_t hash = hash_u64(st->st_ino ^ (uint64_t)st->st_dev << 48);
	struct link *l;

	hmap_for_each_match(&m->links, hash, n) {
		l = container_of(n, struct link, node);
		if (l->ino == st->st_ino && l->dev == st->st_dev)
			return false;
	}
	l = calloc(1, sizeof *l);
	if (l == NULL)
		return true;
	l->dev = st->st_dev;
	l->ino = st->st_ino;
	l->next = m->all;
	m->all = l;
	hmap_insert(&m->links, &l->node, hash);
	return true;
}

static int
measure_entry(struct walk *w, int dir, const char *name, struct err *e)
{
	struct measure *m = container_of(w, struct measure, walk);
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "stat %s", name);
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1 && !note_link(m, &st))
		return 0;
	m->usage->bytes += (uint64_t)st.st_blocks * 512;
	m->usage->inodes++;
	return 0;
}

static int
skip_mount(const char *name, struct err *e)
{
	(void)name;
	(void)e;
	return 0;
}

static void
free_links(struct measure *m)
{
	while (m->all != NULL) {
		struct link *l = m->all;

		m->all = l->next;
		free(l);
	}
	hmap_release(&m->links);
}

int
fs_measure_tree(int dir, const char *name, struct fs_usage *out, struct err *e)
{
	struct measure m = { .walk = { .visit = measure_entry,
				 .leave = measure_entry,
				 .pass = skip_mount },
		.usage = out };
	int fd = open_root(dir, name);
	int rc;

	*out = (struct fs_usage){ 0 };
	if (fd < 0)
		return err_sys(e, "open folder %s", name);
	rc = walk(&m.walk, fd, e);
	if (rc == 0)
		rc = measure_entry(&m.walk, dir, name, e);
	free_links(&m);
	return rc < 0 ? err_wrap(e, "%s", name) : 0;
}
