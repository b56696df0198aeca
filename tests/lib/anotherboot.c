/* LD_PRELOAD for layerfsd: what $BOOT_ID has is the machine's boot. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static int
open_it(const char *name, int dir, const char *path, int flags, mode_t mode)
{
	int (*real)(int, const char *, int, ...) =
	    (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, name);

	if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 &&
	    getenv("BOOT_ID") != NULL)
		path = getenv("BOOT_ID");
	return real(dir, path, flags, mode);
}

static mode_t
mode_of(int flags, va_list list)
{
	return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
}

int
openat(int dir, const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = mode_of(flags, list);
	va_end(list);
	return open_it("openat", dir, path, flags, mode);
}

int
openat64(int dir, const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = mode_of(flags, list);
	va_end(list);
	return open_it("openat64", dir, path, flags, mode);
}
