/* LD_PRELOAD for layerfsd: as long as $SLOW_REMOVE is there, whoever removes a file named
 * "slow" waits.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
unlinkat(int dir, const char *path, int flags)
{
	int (*real)(int, const char *, int) =
	    (int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat");
	const char *slow = getenv("SLOW_REMOVE");

	while (strcmp(path, "slow") == 0 && slow != NULL &&
	       access(slow, F_OK) == 0)
		usleep(50000);
	return real(dir, path, flags);
}
