/* LD_PRELOAD for layerfsd: whoever unmounts when $SLOW_UMOUNT is there takes two
 * seconds until it does, once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int
umount2(const char *path, int flags)
{
	int (*real)(const char *, int) =
	    (int (*)(const char *, int))dlsym(RTLD_NEXT, "umount2");
	const char *slow = getenv("SLOW_UMOUNT");

	if (slow != NULL && unlink(slow) == 0)
		sleep(2);
	return real(path, flags);
}
