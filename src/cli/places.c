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
#include "base/list.h"
#include "base/scout.h"

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

/* As it is written. */
static int
name_run(struct places *p, const char *given, struct err *e)
{
	const char *runtime = variable("XDG_RUNTIME_DIR");

	p->is_shared = false;
	if (given != NULL)
		return set_path(p->run, e, "%s", given);
	if (geteuid() == 0)
		return set_path(p->run, e, "%s", LAYERFS_SYSTEM_RUN);
	if (runtime != NULL)
		return set_path(p->run, e, "%s/layerfs", runtime);
	p->is_shared = true;
	return set_path(p->run, e, "/tmp/layerfs-%u", geteuid());
}

/* It may lie where nobody answers. */
static int
find_given(const char *given, char path[LIMIT_PATH_BYTES], struct err *e)
{
	struct target t;

	if (target_find(given, &t, e) < 0)
		return err_wrap(e, "%s", given);
	strcpy(path, t.path);
	return 0;
}

int
places_find_root(char root[LIMIT_PATH_BYTES], struct err *e)
{
	const char *given = variable("LAYERFS_ROOT");
	const char *data = variable("XDG_DATA_HOME");
	const char *home = variable("HOME");

	if (given != NULL)
		return find_given(given, root, e);
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
		return find_given(given, program, e);
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

/* ---- by a child ---- */

struct opening {
	struct errand errand;
	const char *given;
	bool make;
	struct places places;
};

/* What is looked for in the folder next is the socket. */
static int
run_opening(struct errand *x, struct err *e)
{
	struct opening *o = container_of(x, struct opening, errand);
	struct places *p = &o->places;
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	/* As the daemon makes it: a system's mounts lie below it. */
	mode_t mode = geteuid() == 0 ? 0755 : 0700;
	struct stat ignored;

	if (o->given != NULL && target_absolute(o->given, p->run, e) < 0)
		return -1;
	if (o->make && fs_make_dirs(AT_FDCWD, p->run, mode, e) < 0)
		return -1;
	x->fds[0] = open(p->run, flags | (p->is_shared ? O_NOFOLLOW : 0));
	if (x->fds[0] < 0)
		return err_sys(e, "open %s", p->run);
	if (p->is_shared && check_private(x->fds[0], p->run, e) < 0)
		return -1;
	fstatat(x->fds[0], LAYERFS_CONTROL_SOCKET, &ignored, 0);
	x->n_fds = 1;
	return 0;
}

/* ---- for the command ---- */

int
places_open_run(
    struct places *p, const char *run_option, bool make, struct err *e)
{
	struct opening o = {
		.errand = { .run = run_opening, .size = sizeof o },
		.given =
		    run_option != NULL ? run_option : variable("LAYERFS_RUN"),
		.make = make,
	};
	int rc = name_run(&o.places, o.given, e);

	if (rc == 0)
		rc = scout_send(&o.errand, e);
	*p = o.places;
	return rc < 0 ? -1 : o.errand.fds[0];
}
