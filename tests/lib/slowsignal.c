/* LD_PRELOAD for layerfsd: it takes a second until signals are blocked. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

int
sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	int (*real)(int, const sigset_t *, sigset_t *) = (int (*)(
	    int, const sigset_t *, sigset_t *))dlsym(RTLD_NEXT, "sigprocmask");

	sleep(1);
	return real(how, set, old);
}
