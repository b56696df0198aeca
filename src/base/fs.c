#include "base/fs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"

int
fs_pread(int fd, void *p, size_t n, uint64_t off, struct err *e)
{
	uint8_t *to = p;

	while (n > 0) {
		ssize_t got = pread(fd, to, n, off);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(
			    e, "read %zu bytes at %ju", n, (uintmax_t)off);
		if (got == 0)
			return err_set(
			    e, EBADMSG, "file ends at %ju", (uintmax_t)off);
		to += got;
		off += got;
		n -= got;
	}
	return 0;
}

int
fs_pwrite(int fd, const void *p, size_t n, uint64_t off, struct err *e)
{
	const uint8_t *from = p;

	while (n > 0) {
		ssize_t put = pwrite(fd, from, n, off);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_sys(
			    e, "write %zu bytes at %ju", n, (uintmax_t)off);
		from += put;
		off += put;
		n -= put;
	}
	return 0;
}

int
fs_read_all(int fd, struct buf *out, struct err *e)
{
	for (uint64_t off = 0;;) {
		size_t room = min_u64(KIB(64), out->max - out->len + 1);
		uint8_t part[KIB(64)];
		ssize_t got = pread(fd, part, room, off);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, "read");
		if (got == 0)
			return 0;
		if (buf_append(out, part, got, e) < 0)
			return -1;
		off += got;
	}
}

int
fs_read_file(int dir, const char *name, struct buf *out, struct err *e)
{
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "open %s", name);
	if (fs_read_all(fd, out, e) < 0)
		return err_wrap(e, "%s", name);
	return 0;
}

static int
write_temporary(int dir, const char *temporary, const void *p, size_t n,
    mode_t mode, struct err *e)
{
	AUTO_CLOSE int fd = openat(
	    dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return err_sys(e, "create %s", temporary);
	if (fs_pwrite(fd, p, n, 0, e) < 0)
		return err_wrap(e, "%s", temporary);
	if (fsync(fd) < 0)
		return err_sys(e, "fsync %s", temporary);
	return 0;
}

/* No other folder's sync will do: ext4 commits nothing for one that has not
 * changed. */
static int
sync_folder_of(int dir, const char *name, struct err *e)
{
	const char *slash = strrchr(name, '/');
	char folder[LIMIT_PATH_BYTES];
	AUTO_CLOSE int fd = -1;

	if (slash == NULL)
		return fs_sync_dir(dir, e);
	snprintf(folder, sizeof folder, "%.*s", (int)(slash - name), name);
	fd = fs_open_dir(dir, folder, e);
	return fd < 0 ? -1 : fs_sync_dir(fd, e);
}

int
fs_replace_file(int dir, const char *name, const void *p, size_t n, mode_t mode,
    struct err *e)
{
	char temporary[LIMIT_PATH_BYTES];

	/* Two threads may write the same file at once. */
	if ((size_t)snprintf(temporary, sizeof temporary, "%s.%d.tmp", name,
		(int)gettid()) >= sizeof temporary)
		return err_set(e, ENAMETOOLONG, "%.200s", name);
	if (write_temporary(dir, temporary, p, n, mode, e) < 0) {
		unlinkat(dir, temporary, 0);
		return -1;
	}
	if (renameat(dir, temporary, dir, name) < 0) {
		err_sys(e, "rename %s", name);
		unlinkat(dir, temporary, 0);
		return -1;
	}
	if (dir == AT_FDCWD)
		return 0;
	return sync_folder_of(dir, name, e);
}

/* "NAME.NUMBER.tmp" */
static bool
is_temporary(const char *name)
{
	size_t n = strlen(name), digits = 0;

	if (n < 4 || strcmp(name + n - 4, ".tmp") != 0)
		return false;
	for (n -= 4; n > 0 && isdigit((unsigned char)name[n - 1]); n--)
		digits++;
	return digits > 0 && n > 1 && name[n - 1] == '.';
}

static void
close_dir(DIR **d)
{
	if (*d != NULL)
		closedir(*d);
}

int
fs_remove_temporaries(int dir, const char *folder, struct err *e)
{
	CLEANUP(close_dir) DIR *d = NULL;
	int fd = fs_open_dir(dir, folder, e);
	struct dirent *entry;

	if (fd < 0)
		return -1;
	d = fdopendir(fd);
	if (d == NULL) {
		close(fd);
		return err_sys(e, "read %s", folder);
	}
	while ((entry = readdir(d)) != NULL)
		if (is_temporary(entry->d_name) &&
		    unlinkat(fd, entry->d_name, 0) < 0 && errno != ENOENT)
			return err_sys(e, "remove %s", entry->d_name);
	return 0;
}

int
fs_open_dir(int dir, const char *name, struct err *e)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_sys(e, "open folder %s", name) : fd;
}

int
fs_make_dirs(int dir, const char *path, mode_t mode, struct err *e)
{
	AUTO_FREE char *part = strdup(path);

	if (part == NULL)
		return err_set(e, ENOMEM, "folder %s", path);
	for (char *slash = part; slash != NULL;) {
		slash = *slash != 0 ? strchr(slash + 1, '/') : NULL;
		if (slash != NULL)
			*slash = 0;
		if (mkdirat(dir, part, mode) < 0 && errno != EEXIST)
			return err_sys(e, "make folder %s", part);
		if (slash != NULL)
			*slash = '/';
	}
	return 0;
}

int
fs_sync_dir(int dir, struct err *e)
{
	return fsync(dir) < 0 ? err_sys(e, "fsync of a folder") : 0;
}
