#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/activation.h"
#include "base/err.h"
#include "base/test.h"

static int
open_at(int number)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && fd != number);
	assert_int_equal(dup3(fd, number, O_CLOEXEC), number);
	close(fd);
	return number;
}

static void
say(const char *n, const char *names)
{
	char pid[24];

	snprintf(pid, sizeof pid, "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", n, 1);
	if (names != NULL)
		setenv("LISTEN_FDNAMES", names, 1);
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
nothing_is_given_without_the_environment(void **state)
{
	struct activation a;
	struct err e;

	(void)state;
	assert_int_equal(activation_take(&a, &e), 0);
	assert_int_equal(a.n, 0);
	activation_release(&a);
}

static void
what_is_another_process_s_is_not_taken(void **state)
{
	struct activation a;
	struct err e;

	(void)state;
	say("2", "a:b");
	setenv("LISTEN_PID", "1", 1);
	assert_int_equal(activation_take(&a, &e), 0);
	assert_int_equal(a.n, 0);
	assert_null(getenv("LISTEN_FDS"));
}

static void
what_was_passed_is_taken_by_its_names(void **state)
{
	struct given all[] = { { open_at(90), "fuse-1" },
		{ open_at(70), "control" } };
	struct activation a;
	struct err e;

	(void)state;
	assert_int_equal(activation_pass(all, 2, &e), 0);
	assert_int_equal(fcntl(70, F_GETFD), 0);
	assert_int_equal(fcntl(90, F_GETFD), 0);
	assert_int_equal(activation_take(&a, &e), 0);
	assert_int_equal(fcntl(70, F_GETFD), FD_CLOEXEC);
	assert_null(getenv("LISTEN_FDNAMES"));
	assert_int_equal(a.n, 2);
	assert_int_equal(activation_find(&a, "fuse-1"), 90);
	assert_int_equal(activation_find(&a, "fuse-1"), -1);
	assert_int_equal(activation_find(&a, "none"), -1);
	activation_release(&a);
	assert_true(is_open(90));
	assert_false(is_open(70));
	close(90);
}

static void
what_was_withdrawn_is_not_given(void **state)
{
	struct given all[] = { { open_at(70), "control" } };
	struct activation a;
	struct err e;

	(void)state;
	assert_int_equal(activation_pass(all, 1, &e), 0);
	activation_withdraw(all, 1);
	assert_int_equal(fcntl(70, F_GETFD), FD_CLOEXEC);
	assert_int_equal(activation_take(&a, &e), 0);
	assert_int_equal(a.n, 0);
	close(70);
}

static void
more_names_than_the_environment_holds_are_refused(void **state)
{
	struct given all[2000];
	char name[ACTIVATION_NAME_SIZE] = { 0 };
	struct err e;

	(void)state;
	memset(name, 'x', sizeof name - 1);
	for (int i = 0; i < 2000; i++)
		all[i] = (struct given){ 3 + i, name };
	assert_int_equal(activation_pass(all, 2000, &e), -1);
	assert_null(getenv("LISTEN_FDS"));
}

static void
a_listener_is_told_from_the_rest(void **state)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct given all[] = { { open_at(70), "other" }, { fd, "other" } };
	const struct sockaddr any = { .sa_family = AF_UNIX };
	struct activation a;
	struct err e;

	(void)state;
	assert_int_equal(bind(fd, &any, sizeof any.sa_family), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(activation_pass(all, 2, &e), 0);
	assert_int_equal(activation_take(&a, &e), 0);
	assert_int_equal(activation_find_listener(&a), fd);
	assert_int_equal(activation_find_listener(&a), -1);
	activation_release(&a);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_given_without_the_environment),
		cmocka_unit_test(what_is_another_process_s_is_not_taken),
		cmocka_unit_test(what_was_passed_is_taken_by_its_names),
		cmocka_unit_test(what_was_withdrawn_is_not_given),
		cmocka_unit_test(
		    more_names_than_the_environment_holds_are_refused),
		cmocka_unit_test(a_listener_is_told_from_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
