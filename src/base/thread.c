#include "base/thread.h"

#include <errno.h>
#include <signal.h>

#include "base/err.h"

int
thread_start(pthread_t *t, const char *name, void *(*run)(void *), void *arg,
    struct err *e)
{
	sigset_t all, saved;

	sigfillset(&all);
	/* Of a fault of its own it dies at once, and who looks for those (a
	 * sanitizer) is told. */
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	errno = pthread_create(t, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (errno != 0)
		return err_sys(e, "start thread %s", name);
	pthread_setname_np(*t, name);
	return 0;
}
