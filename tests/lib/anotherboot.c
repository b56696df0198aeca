/* LD_PRELOAD for layerfsd: what $BOOT_ID has is the machine's boot. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

int
openat(int dir, const char *path, int flags, ...)
{
	int (*real)(int, const char *, int, ...) =
	    (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");
	mode_t mode = 0;
	va_list list;

	va_start(list, flags);
	if ((flags & (O_CREAT | O_TMPFILE)) != 0)
		mode = va_arg(list, mode_t);
	va_end(list);
	if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 &&
	    getenv("BOOT_ID") != NULL)
		path = getenv("BOOT_ID");
	return real(dir, path, flags, mode);
}

/* On machines of 64 bits they are one. */
int openat64(int dir, const char *path, int flags, ...)
    __attribute__((alias("openat")));
