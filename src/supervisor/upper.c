#include "supervisor/upper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/elsewhere.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"

#define ASIDE ".gone-"

/* ---- making ---- */

static int
make_own_folder(int uppers, const char *id, struct err *e)
{
	AUTO_CLOSE int dir = -1;

	if (fs_remove_tree(uppers, id, e) != 0)
		return -1;
	if (mkdirat(uppers, id, 0700) != 0 ||
	    (dir = openat(uppers, id, O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_sys(e, "make ROOT/upper/%s", id);
	return take_fd(&dir);
}

int
upper_make(int uppers, const char *id, struct err *e)
{
	AUTO_CLOSE int dir = make_own_folder(uppers, id, e);

	if (dir < 0)
		return -1;
	if (mkdirat(dir, "upper", 0755) != 0 || mkdirat(dir, "work", 0700) != 0)
		return err_sys(e, "make a temporary upper layer");
	return 0;
}

void
upper_note(int uppers, const char *id, const int given[2])
{
	struct err e;
	AUTO_CLOSE int dir = make_own_folder(uppers, id, &e);

	if (dir < 0 || elsewhere_note(dir, "upper", given[0], &e) != 0 ||
	    elsewhere_note(dir, "work", given[1], &e) != 0)
		log_warn(
		    "a daemon that dies could not mount this again: %s", e.msg);
}

/* ---- opening ---- */

static int
open_folder(int dir, const char *name, struct err *e)
{
	int fd = openat(dir, name, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOTDIR)
		return elsewhere_open(dir, name, e);
	return fd < 0 ? err_sys(e, "open what was written") : fd;
}

int
upper_open(int uppers, const char *id, int pair[2], struct err *e)
{
	AUTO_CLOSE int dir =
	    openat(uppers, id, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	pair[0] = pair[1] = -1;
	if (dir < 0)
		return err_sys(e, "open ROOT/upper/%s", id);
	pair[0] = open_folder(dir, "upper", e);
	if (pair[0] >= 0)
		pair[1] = open_folder(dir, "work", e);
	return pair[1] < 0 ? -1 : 0;
}

bool
upper_is_elsewhere(int uppers, const char *id)
{
	char path[NAME_MAX + sizeof "/upper"];
	struct stat st;

	snprintf(path, sizeof path, "%s/upper", id);
	return fstatat(uppers, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

/* ---- removing ---- */

int
upper_remove(int uppers, const char *id, struct err *e)
{
	return fs_remove_tree(uppers, id, e);
}

/* An id is given once: its place is free, or was not swept yet. */
int
upper_put_aside(int uppers, const char *id, struct err *e)
{
	char name[NAME_MAX + sizeof ASIDE];

	snprintf(name, sizeof name, ASIDE "%s", id);
	if (renameat(uppers, id, uppers, name) == 0 || errno == ENOENT)
		return 0;
	return err_sys(e, "put ROOT/upper/%s aside", id);
}

void
uppers_sweep(int uppers)
{
	int fd = openat(uppers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct err e;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		if (strncmp(entry->d_name, ASIDE, strlen(ASIDE)) == 0 &&
		    fs_remove_tree(uppers, entry->d_name, &e) != 0)
			log_warn("left behind: %s", e.msg);
	closedir(d);
}
