/* A folder for a fuzz target that reads files by name.  In memory: an input takes
 * no longer than it must.  Only fuzz_*.c includes it. */
#ifndef BASE_FUZZ_FOLDER_H
#define BASE_FUZZ_FOLDER_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"

static char fuzz_path[] = "/dev/shm/layerfs-fuzz-XXXXXX";

static inline void
fuzz_remove_folder(void)
{
	struct err e;

	fs_remove_tree(AT_FDCWD, fuzz_path, &e);
}

/* Of this process, till it exits. */
static inline int
fuzz_make_folder(void)
{
	struct err e;

	if (mkdtemp(fuzz_path) == NULL || atexit(fuzz_remove_folder) != 0)
		abort();
	return fs_open_dir(AT_FDCWD, fuzz_path, &e);
}

/* An empty one, which the caller closes: of the input before nothing is left. */
static inline int
fuzz_folder(void)
{
	static int all = -1;
	struct err e = ERR_INIT;
	int dir;

	if (all < 0)
		all = fuzz_make_folder();
	if (fs_remove_tree(all, "input", &e) < 0 ||
	    mkdirat(all, "input", 0700) < 0 ||
	    (dir = fs_open_dir(all, "input", &e)) < 0)
		abort();
	return dir;
}

static inline void
fuzz_put(int dir, const char *name, const void *p, size_t n)
{
	AUTO_CLOSE int fd =
	    openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		abort();
}

#endif
