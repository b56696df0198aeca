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
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	errno = pthread_create(t, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (errno != 0)
		return err_sys(e, "start thread %s", name);
	pthread_setname_np(*t, name);
	return 0;
}
