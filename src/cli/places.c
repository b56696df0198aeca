#include "cli/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/target.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"

#include "layerfs/control.h"

static int __attribute__((format(printf, 3, 4)))
set_path(char path[LIMIT_PATH_BYTES], struct err *e, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, LIMIT_PATH_BYTES, fmt, ap);
	va_end(ap);
	if (n >= LIMIT_PATH_BYTES)
		return err_set(e, ENAMETOOLONG, "%.100s...", path);
	return 0;
}

/* The variable's value, NULL when it is empty or missing. */
static const char *
variable(const char *name)
{
	const char *v = getenv(name);

	return v == NULL || v[0] == 0 ? NULL : v;
}

int
places_find_run(struct places *p, const char *run_option, struct err *e)
{
	const char *runtime = variable("XDG_RUNTIME_DIR");
	const char *given =
	    run_option != NULL ? run_option : variable("LAYERFS_RUN");

	p->is_shared = false;
	if (given != NULL)
		return target_absolute(given, p->run, e);
	if (geteuid() == 0)
		return set_path(p->run, e, "%s", LAYERFS_SYSTEM_RUN);
	if (runtime != NULL)
		return set_path(p->run, e, "%s/layerfs", runtime);
	p->is_shared = true;
	return set_path(p->run, e, "/tmp/layerfs-%u", geteuid());
}

int
places_find_root(char root[LIMIT_PATH_BYTES], struct err *e)
{
	const char *given = variable("LAYERFS_ROOT");
	const char *data = variable("XDG_DATA_HOME");
	const char *home = variable("HOME");

	if (given != NULL)
		return target_absolute(given, root, e);
	if (geteuid() == 0)
		return set_path(root, e, "%s", LAYERFS_SYSTEM_ROOT);
	if (data != NULL)
		return set_path(root, e, "%s/layerfs", data);
	if (home != NULL)
		return set_path(root, e, "%s/.local/share/layerfs", home);
	return err_set(e, ENOENT,
	    "no place for the store: neither LAYERFS_ROOT nor HOME is set");
}

int
places_find_daemon(char program[LIMIT_PATH_BYTES], struct err *e)
{
	static const char *const beside[] = { "layerfsd", "../sbin/layerfsd",
		"../libexec/layerfs/layerfsd", "../libexec/layerfsd" };
	const char *given = variable("LAYERFSD");
	char self[LIMIT_PATH_BYTES];
	ssize_t n;

	if (given != NULL)
		return target_absolute(given, program, e);
	n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n < 0)
		return err_sys(e, "/proc/self/exe");
	self[n] = 0;
	*(strrchr(self, '/') + 1) = 0;
	for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
		if (set_path(program, e, "%s%s", self, beside[i]) < 0)
			return -1;
		if (access(program, X_OK) == 0)
			return 0;
	}
	return err_set(
	    e, ENOENT, "no layerfsd in %.150s or ../sbin; set LAYERFSD", self);
}

static int
check_private(int fd, const char *run, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "%s", run);
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return err_set(e, EACCES,
		    "%s must belong to you, with mode 0700; "
		    "remove it or set XDG_RUNTIME_DIR",
		    run);
	return 0;
}

int
places_open_run(const struct places *p, bool make, struct err *e)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC |
		    (p->is_shared ? O_NOFOLLOW : 0);
	/* As the daemon makes it: a system's mounts lie below it. */
	mode_t mode = geteuid() == 0 ? 0755 : 0700;
	AUTO_CLOSE int fd = -1;

	if (make && fs_make_dirs(AT_FDCWD, p->run, mode, e) < 0)
		return -1;
	fd = open(p->run, flags);
	if (fd < 0)
		return err_sys(e, "open %s", p->run);
	if (p->is_shared && check_private(fd, p->run, e) < 0)
		return -1;
	return take_fd(&fd);
}
