/* What is written over an overlay: made, opened, put aside, removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/upper.h"
#include "base/err.h"
#include "base/test.h"
#include "base/test_folder.h"

static bool
is_there(const struct folder *f, const char *name)
{
	return faccessat(f->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
close_pair(const int pair[2])
{
	assert_true(pair[0] >= 0 && pair[1] >= 0);
	close(pair[0]);
	close(pair[1]);
}

static void
a_temporary_one_is_two_folders(void **state)
{
	const struct folder *f = *state;
	struct err e;
	int pair[2];

	assert_int_equal(upper_make(f->fd, "1", &e), 0);
	assert_int_equal(upper_open(f->fd, "1", pair, &e), 0);
	close_pair(pair);
	assert_int_equal(mkdirat(f->fd, "1/upper/old", 0700), 0);
	assert_int_equal(upper_make(f->fd, "1", &e), 0);
	assert_false(is_there(f, "1/upper/old"));
	assert_int_equal(upper_remove(f->fd, "1", &e), 0);
	assert_int_equal(upper_remove(f->fd, "1", &e), 0);
	assert_false(is_there(f, "1"));
}

static void
one_that_was_given_is_found_and_outlives_its_note(void **state)
{
	const struct folder *f = *state;
	struct err e;
	int given[2], pair[2];

	assert_int_equal(upper_make(f->fd, "mine", &e), 0);
	assert_int_equal(upper_open(f->fd, "mine", given, &e), 0);
	upper_note(f->fd, "1", given);
	assert_int_equal(upper_open(f->fd, "1", pair, &e), 0);
	close_pair(pair);
	assert_int_equal(upper_remove(f->fd, "1", &e), 0);
	assert_true(is_there(f, "mine/upper"));
	close_pair(given);
}

static void
nobody_s_is_opened(void **state)
{
	const struct folder *f = *state;
	struct err e;
	int pair[2];

	assert_fails(upper_open(f->fd, "1", pair, &e), e, ENOENT);
	assert_int_equal(symlinkat("/", f->fd, "1"), 0);
	assert_fails(upper_open(f->fd, "1", pair, &e), e, ENOTDIR);
}

static void
what_is_put_aside_is_removed_later_and_nothing_else(void **state)
{
	const struct folder *f = *state;
	struct err e;

	assert_int_equal(upper_make(f->fd, "1", &e), 0);
	assert_int_equal(upper_make(f->fd, "2", &e), 0);
	assert_int_equal(upper_put_aside(f->fd, "1", &e), 0);
	assert_int_equal(upper_put_aside(f->fd, "absent", &e), 0);
	assert_false(is_there(f, "1"));
	assert_true(is_there(f, ".gone-1/upper"));
	uppers_sweep(f->fd);
	assert_false(is_there(f, ".gone-1"));
	assert_true(is_there(f, "2/upper"));
}

static void
what_was_not_swept_yet_keeps_its_place(void **state)
{
	const struct folder *f = *state;
	struct err e;

	assert_int_equal(upper_make(f->fd, "1", &e), 0);
	assert_int_equal(upper_put_aside(f->fd, "1", &e), 0);
	assert_int_equal(upper_make(f->fd, "1", &e), 0);
	assert_int_equal(upper_put_aside(f->fd, "1", &e), -1);
	assert_true(is_there(f, "1"));
	uppers_sweep(f->fd);
	assert_int_equal(upper_put_aside(f->fd, "1", &e), 0);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_temporary_one_is_two_folders),
		TEST(one_that_was_given_is_found_and_outlives_its_note),
		TEST(nobody_s_is_opened),
		TEST(what_is_put_aside_is_removed_later_and_nothing_else),
		TEST(what_was_not_swept_yet_keeps_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
