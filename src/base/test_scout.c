#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/scout.h"
#include "base/test.h"

/* Nothing here is waited for by the clock: a test that hangs is one that fails. */
enum { LONG_MS = 600 * 1000 };

struct look {
	struct errand errand;
	const char *path;
	pid_t parent;
	char name[64];
};

static int
look(struct errand *x, struct err *e)
{
	struct look *l = container_of(x, struct look, errand);

	l->parent = getppid();
	snprintf(l->name, sizeof l->name, "seen: %s", l->path);
	x->fds[0] = open(l->path, O_PATH | O_CLOEXEC);
	if (x->fds[0] < 0)
		return err_sys(e, "open %s", l->path);
	x->n_fds = 1;
	return 0;
}

static int
look_for_ever(struct errand *x, struct err *e)
{
	(void)x;
	(void)e;
	while (pause() < 0)
		;
	return 0;
}

static int
die(struct errand *x, struct err *e)
{
	(void)x;
	(void)e;
	raise(SIGKILL);
	return 0;
}

static struct look
of(int (*run)(struct errand *x, struct err *e), const char *path)
{
	return (struct look){
		.errand = { .run = run, .size = sizeof(struct look) },
		.path = path,
	};
}

static void
what_it_found_comes_back(void **state)
{
	struct look l = of(look, "/");
	struct grace g = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	grace_begin(&g, LONG_MS);
	assert_int_equal(scout_send_within(&l.errand, &g, &e), 0);
	assert_int_equal(l.parent, getpid());
	assert_string_equal(l.name, "seen: /");
	assert_int_equal(l.errand.n_fds, 1);
	assert_int_equal(
	    fcntl(l.errand.fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(close(l.errand.fds[0]), 0);
}

static void
what_it_failed_with_comes_back(void **state)
{
	struct look l = of(look, "/no-such-thing");
	struct grace g = { 0 };
	struct err e;

	(void)state;
	grace_begin(&g, LONG_MS);
	assert_fails(scout_send_within(&l.errand, &g, &e), e, ENOENT);
	assert_non_null(strstr(e.msg, "/no-such-thing"));
	l = of(die, "/");
	assert_fails(scout_send_within(&l.errand, &g, &e), e, EIO);
}

static void
it_has_nothing_else_open(void **state)
{
	char path[32] = "";
	struct look l = of(look, path);
	struct grace g = { 0 };
	int fd = open("/", O_PATH | O_CLOEXEC);
	struct err e;

	(void)state;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	grace_begin(&g, LONG_MS);
	assert_fails(scout_send_within(&l.errand, &g, &e), e, ENOENT);
	close(fd);
}

/* Of all children so far, which have ended. */
static unsigned
count_killed(void)
{
	unsigned n = 0;
	int status;

	while (wait(&status) > 0)
		n += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	return n;
}

static void
count(void *ctx)
{
	++*(unsigned *)ctx;
}

static void
one_that_does_not_answer_is_given_up(void **state)
{
	struct look l = of(look_for_ever, "/");
	unsigned n = 0;
	struct grace g = { .meanwhile = count, .ctx = &n };
	struct err e;

	(void)state;
	count_killed();
	grace_begin(&g, 300);
	assert_fails(scout_send_within(&l.errand, &g, &e), e, ETIMEDOUT);
	assert_true(n > 0);
	assert_int_equal(count_killed(), 1);
	/* The time is for all of them together; who answers has a moment. */
	g.until_ns = 0;
	assert_fails(scout_send_within(&l.errand, &g, &e), e, ETIMEDOUT);
}

/* The machine stands still for an hour whenever nobody looks. */
static void
stand_still(void *ctx)
{
	struct grace *g = ctx;

	g->awake.seen_ns -= 3600 * NS_PER_S;
}

static int
look_late(struct errand *x, struct err *e)
{
	usleep(500 * 1000);
	return look(x, e);
}

static void
a_standstill_is_no_silence(void **state)
{
	struct look l = of(look_late, "/");
	struct grace g = { .meanwhile = stand_still, .ctx = &g };
	struct err e = ERR_INIT;

	(void)state;
	grace_begin(&g, LONG_MS);
	assert_int_equal(scout_send_within(&l.errand, &g, &e), 0);
	close(l.errand.fds[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_found_comes_back),
		cmocka_unit_test(what_it_failed_with_comes_back),
		cmocka_unit_test(it_has_nothing_else_open),
		cmocka_unit_test(one_that_does_not_answer_is_given_up),
		cmocka_unit_test(a_standstill_is_no_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
