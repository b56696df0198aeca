/* For a test: the machine stands still, as a VM that is moved.  Only test_*.c includes
 * it. */
#ifndef BASE_TEST_STANDSTILL_H
#define BASE_TEST_STANDSTILL_H

#include <signal.h>
#include <unistd.h>

/* In a moment this process is held for two seconds; by a child, to be waited for. */
static inline pid_t
stand_still(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	usleep(20 * 1000);
	kill(getppid(), SIGSTOP);
	sleep(2);
	kill(getppid(), SIGCONT);
	_exit(0);
}

#endif
