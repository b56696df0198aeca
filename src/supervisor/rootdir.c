#include "supervisor/rootdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/drop.h"
#include "supervisor/supervisor.h"
#include "base/cleanup.h"
#include "base/err.h"

static bool
is_own(const struct stat *st)
{
	return st->st_uid == geteuid() && (st->st_mode & 077) == 0;
}

static int
open_folder(int root, const char *name, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (mkdirat(root, name, 0700) != 0 && errno != EEXIST)
		return err_sys(e, "make ROOT/%s", name);
	fd =
	    openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_sys(e, "open ROOT/%s", name);
	if (!is_own(&st))
		return err_set(
		    e, EACCES, "ROOT/%s is not root's own folder", name);
	return take_fd(&fd);
}

/* Another name of it might be a file that is somebody's, so one it is.
 * O_NONBLOCK: it may be anything. */
static int
open_file(int root, const char *name, struct err *e)
{
	AUTO_CLOSE int fd = openat(root, name,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_sys(e, "open ROOT/%s", name);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || !is_own(&st))
		return err_set(e, EACCES,
		    "ROOT/%s is not a file of this user's alone: remove it",
		    name);
	return take_fd(&fd);
}

static int
lock(int root, const char *path, struct err *e)
{
	AUTO_CLOSE int fd = open_folder(root, "upper", e);

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK
			   ? err_set(e, EBUSY, "another layerfsd uses %s", path)
			   : err_sys(e, "lock %s/upper", path);
	return take_fd(&fd);
}

static int
open_folders(struct rootdir *r, const char *path, struct err *e)
{
	r->lock = lock(r->dir, path, e);
	if (r->lock < 0)
		return -1;
	r->uppers = open_folder(r->dir, "upper", e);
	r->snapshots = open_folder(r->dir, "snapshots", e);
	return r->uppers < 0 || r->snapshots < 0 ? -1 : 0;
}

int
rootdir_open(struct rootdir *r, struct account *a,
    const struct supervisor_options *o, struct err *e)
{
	*r = ROOTDIR_NONE;
	r->dir = account_open_root(a, o->root, o->user, e);
	if (r->dir >= 0 && (!a->is_root || open_folders(r, o->root, e) == 0) &&
	    (r->secrets = open_file(r->dir, "secrets", e)) >= 0)
		return 0;
	rootdir_close(r);
	return -1;
}

void
rootdir_close(struct rootdir *r)
{
	cleanup_close(&r->secrets);
	cleanup_close(&r->snapshots);
	cleanup_close(&r->uppers);
	cleanup_close(&r->lock);
	cleanup_close(&r->dir);
	*r = ROOTDIR_NONE;
}
