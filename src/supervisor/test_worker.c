/* The worker's process is started whatever else there is no more of. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/drop.h"
#include "supervisor/supervisor.h"
#include "supervisor/worker.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/test.h"

static char *const no_arguments[] = { "true", NULL };

static const struct supervisor_options options = {
	.worker_path = "/bin/true",
	.worker_argv = no_arguments,
};

static void
wait_for_end(struct worker *w)
{
	int status;

	assert_true(w->pid > 0);
	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	worker_note_end(w, status, false);
}

static void
take_all_descriptors(void)
{
	while (dup(STDERR_FILENO) >= 0)
		;
	assert_int_equal(errno, EMFILE);
}

static void
one_is_started_though_descriptors_have_run_out(void **state)
{
	const struct rlimit few = { 64, 64 };
	const struct account as_we_are = { 0 };
	struct worker w = { .sock = -1, .spare = -1 };

	(void)state;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	worker_start(&w, &options, &as_we_are);
	take_all_descriptors();
	for (int i = 0; i < 3; i++) {
		wait_for_end(&w);
		worker_start(&w, &options, &as_we_are);
	}
	wait_for_end(&w);
}

static void
one_that_does_not_end_is_killed_but_not_for_a_standstill(void **state)
{
	static char *const arguments[] = { "sh", "-c", "kill -STOP $$", NULL };
	const struct supervisor_options stops = { .worker_path = "/bin/sh",
		.worker_argv = arguments };
	const struct account as_we_are = { 0 };
	struct worker w = { .sock = -1, .spare = -1 };
	uint64_t at_ns;
	int status;

	(void)state;
	worker_start(&w, &stops, &as_we_are);
	assert_int_equal(worker_next_ns(&w), UINT64_MAX);
	worker_expect_end(&w);
	at_ns = worker_next_ns(&w);
	assert_in_range(at_ns, 1, clock_now_ns() + AWAKE_TICK_NS);
	w.awake.seen_ns -= 60 * NS_PER_S;
	worker_kill_late(&w);
	assert_int_equal(waitpid(w.pid, &status, WUNTRACED), w.pid);
	assert_true(WIFSTOPPED(status));
	for (int i = 0; i < 10; i++) {
		w.awake.seen_ns -= NS_PER_S;
		worker_kill_late(&w);
	}
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	worker_note_end(&w, status, false);
	assert_int_equal(worker_next_ns(&w), UINT64_MAX);
	close(w.spare);
}

/* How a worker of that script ends. */
static int
exits(const char *script)
{
	char *const arguments[] = { "sh", "-c", (char *)script, NULL };
	const struct supervisor_options sh = { .worker_path = "/bin/sh",
		.worker_argv = arguments };
	const struct account as_we_are = { 0 };
	struct worker w = { .sock = -1, .spare = -1 };
	int status;

	worker_start(&w, &sh, &as_we_are);
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	worker_note_end(&w, status, false);
	close(w.spare);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
its_threads_keep_no_freed_memory_unless_they_are_told(void **state)
{
	(void)state;
	unsetenv("GLIBC_TUNABLES");
	assert_int_equal(
	    exits("test $GLIBC_TUNABLES = glibc.malloc.tcache_count=0"), 0);
	setenv("GLIBC_TUNABLES", "glibc.malloc.check=1", 1);
	assert_int_equal(
	    exits("test $GLIBC_TUNABLES = glibc.malloc.check=1"), 0);
	unsetenv("GLIBC_TUNABLES");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    one_that_does_not_end_is_killed_but_not_for_a_standstill),
		cmocka_unit_test(
		    its_threads_keep_no_freed_memory_unless_they_are_told),
		cmocka_unit_test(
		    one_is_started_though_descriptors_have_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
