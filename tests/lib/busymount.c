/* LD_PRELOAD: umount2(2) finds the mount in use, $BUSY_TIMES times. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

int
umount2(const char *path, int flags)
{
	static int times;
	int (*real)(const char *, int) =
	    (int (*)(const char *, int))dlsym(RTLD_NEXT, "umount2");

	if (times < atoi(getenv("BUSY_TIMES"))) {
		times++;
		errno = EBUSY;
		return -1;
	}
	return real(path, flags);
}
