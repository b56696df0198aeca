#include "supervisor/elsewhere.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"

enum { WHAT_SIZE = 160, NOTE_MAX = WHAT_SIZE + PATH_MAX };

/* Everything of a note but the path.  Nobody is asked who may not answer. */
static int
describe(int folder, char what[WHAT_SIZE], struct err *e)
{
	enum { FLAGS = AT_EMPTY_PATH | AT_STATX_DONT_SYNC };
	struct statx x;

	if (statx(folder, "", FLAGS, STATX_BASIC_STATS | STATX_BTIME, &x) != 0)
		return err_sys(e, "look at a folder");
	if ((x.stx_mask & STATX_BTIME) == 0)
		memset(&x.stx_btime, 0, sizeof x.stx_btime);
	snprintf(what, WHAT_SIZE, "%u:%u %ju %u %u %jd.%u ", x.stx_dev_major,
	    x.stx_dev_minor, (uintmax_t)x.stx_ino, x.stx_uid, x.stx_gid,
	    (intmax_t)x.stx_btime.tv_sec, x.stx_btime.tv_nsec);
	return 0;
}

static int
find_path(int folder, char path[PATH_MAX], struct err *e)
{
	char link[40];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
	n = readlink(link, path, PATH_MAX - 1);
	if (n < 0)
		return err_sys(e, "find a folder's path");
	path[n] = '\0';
	return 0;
}

int
elsewhere_note(int dir, const char *name, int folder, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	char path[PATH_MAX], what[WHAT_SIZE];

	if (describe(folder, what, e) != 0 || find_path(folder, path, e) != 0)
		return -1;
	fd = openat(dir, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "note %s", path);
	if (fs_pwrite(fd, what, strlen(what), 0, e) != 0 ||
	    fs_pwrite(fd, path, strlen(path), strlen(what), e) != 0)
		return err_wrap(e, "note %s", path);
	return 0;
}

static int
open_path(const char *path, struct err *e)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	int fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);

	return fd < 0 ? err_sys(e, "open %s", path) : fd;
}

int
elsewhere_open(int dir, const char *name, struct err *e)
{
	AUTO_BUF struct buf note = BUF_INIT(NOTE_MAX);
	AUTO_CLOSE int fd = -1;
	char what[WHAT_SIZE];
	const char *path;

	if (fs_read_file(dir, name, &note, e) != 0)
		return -1;
	path = strchr(buf_str(&note), '/');
	if (path == NULL)
		return err_set(e, ESTALE, "no note of a folder: %s", name);
	fd = open_path(path, e);
	if (fd < 0 || describe(fd, what, e) != 0)
		return -1;
	if (strlen(what) != (size_t)(path - buf_str(&note)) ||
	    memcmp(what, buf_str(&note), strlen(what)) != 0)
		return err_set(e, ESTALE,
		    "%s is not the folder any more that was written to", path);
	return take_fd(&fd);
}
