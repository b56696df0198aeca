#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/hold.h"
#include "base/err.h"
#include "base/test.h"

static int
open_null(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
put(struct list *holds, const char *name, const char *payload)
{
	struct err e;

	assert_int_equal(
	    hold_put(holds, name, open_null(), payload, strlen(payload), &e),
	    0);
}

static void
they_come_in_the_order_of_the_first_hold(void **state)
{
	struct list holds;

	(void)state;
	list_init(&holds);
	put(&holds, "control", "");
	put(&holds, "fuse:1", "");
	put(&holds, "control", "again");
	struct held_fd *f = hold_after(&holds, 0);
	assert_string_equal(f->h.name, "control");
	assert_int_equal(f->h.payload_len, 5);
	f = hold_after(&holds, f->serial);
	assert_string_equal(f->h.name, "fuse:1");
	assert_null(hold_after(&holds, f->serial));
	hold_drop_all(&holds);
}

static void
replacing_closes_the_old_descriptor(void **state)
{
	struct list holds;
	struct err e;
	int fd = open_null();

	(void)state;
	list_init(&holds);
	assert_int_equal(hold_put(&holds, "a", fd, NULL, 0, &e), 0);
	put(&holds, "a", "x");
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	hold_drop_all(&holds);
}

static void
the_walk_goes_on_after_what_was_dropped_under_it(void **state)
{
	struct list holds;

	(void)state;
	list_init(&holds);
	put(&holds, "a", "");
	put(&holds, "b", "");
	put(&holds, "c", "");
	uint32_t seen = hold_after(&holds, 0)->serial;
	hold_drop(&holds, "a");
	hold_drop(&holds, "absent");
	assert_string_equal(hold_after(&holds, seen)->h.name, "b");
	hold_drop_all(&holds);
	assert_null(hold_after(&holds, 0));
}

static void
a_worker_that_never_stops_is_stopped(void **state)
{
	char name[AGENT_NAME_MAX + 1];
	struct list holds;
	struct err e;

	(void)state;
	list_init(&holds);
	for (int i = 0; i < HOLDS_MAX; i++) {
		struct held_fd *f = calloc(1, sizeof *f);

		assert_non_null(f);
		snprintf(f->h.name, sizeof f->h.name, "x:%d", i);
		f->h.fd = -1;
		f->serial = i + 1;
		list_push_back(&holds, &f->link);
	}
	snprintf(name, sizeof name, "x:%d", HOLDS_MAX);
	assert_fails(
	    hold_put(&holds, name, open_null(), NULL, 0, &e), e, EMFILE);
	put(&holds, "x:0", "again");
	hold_drop(&holds, "x:1");
	put(&holds, name, "");
	hold_drop_all(&holds);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_come_in_the_order_of_the_first_hold),
		cmocka_unit_test(replacing_closes_the_old_descriptor),
		cmocka_unit_test(
		    the_walk_goes_on_after_what_was_dropped_under_it),
		cmocka_unit_test(a_worker_that_never_stops_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
