/* LD_PRELOAD for layerfsd: what it forks takes a fifth of a second until it runs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

pid_t
fork(void)
{
	pid_t (*real)(void) = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
	pid_t pid = real();

	if (pid == 0)
		usleep(200000);
	return pid;
}
