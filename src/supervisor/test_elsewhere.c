/* A folder that was given is found again while it is the same, and only then. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/elsewhere.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/test.h"
#include "base/test_folder.h"

static void
note(const struct folder *f, const char *name)
{
	AUTO_CLOSE int fd = -1;
	struct err e;

	assert_int_equal(mkdirat(f->fd, name, 0700), 0);
	fd = openat(f->fd, name, O_RDONLY | O_DIRECTORY);
	assert_int_equal(elsewhere_note(f->fd, "upper", fd, &e), 0);
}

static void
a_folder_is_found_again(void **state)
{
	const struct folder *f = *state;
	struct stat a, b;
	struct err e;
	int fd;

	note(f, "a b\n");
	assert_int_equal(fstatat(f->fd, "a b\n", &a, 0), 0);
	fd = elsewhere_open(f->fd, "upper", &e);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	close(fd);
}

static void
what_was_written_in_it_makes_no_difference(void **state)
{
	const struct folder *f = *state;
	struct err e;
	int fd;

	note(f, "changes");
	assert_int_equal(mkdirat(f->fd, "changes/new", 0700), 0);
	assert_int_equal(fchmodat(f->fd, "changes", 0755, 0), 0);
	fd = elsewhere_open(f->fd, "upper", &e);
	assert_true(fd >= 0);
	close(fd);
}

static void
one_that_is_not_there_is_not_found(void **state)
{
	const struct folder *f = *state;
	struct err e;

	note(f, "changes");
	assert_int_equal(renameat(f->fd, "changes", f->fd, "away"), 0);
	assert_fails(elsewhere_open(f->fd, "upper", &e), e, ENOENT);
}

static void
another_in_its_place_is_not_it(void **state)
{
	const struct folder *f = *state;
	struct err e;

	note(f, "changes");
	assert_int_equal(renameat(f->fd, "changes", f->fd, "away"), 0);
	assert_int_equal(mkdirat(f->fd, "changes", 0700), 0);
	assert_fails(elsewhere_open(f->fd, "upper", &e), e, ESTALE);
}

/* The number of its inode may be the same. */
static void
one_that_was_made_anew_is_not_it(void **state)
{
	const struct folder *f = *state;
	struct err e;

	note(f, "changes");
	assert_int_equal(unlinkat(f->fd, "changes", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(f->fd, "changes", 0700), 0);
	assert_fails(elsewhere_open(f->fd, "upper", &e), e, ESTALE);
}

static void
a_link_to_it_is_not_followed(void **state)
{
	const struct folder *f = *state;
	struct err e;

	note(f, "changes");
	assert_int_equal(renameat(f->fd, "changes", f->fd, "away"), 0);
	assert_int_equal(symlinkat("away", f->fd, "changes"), 0);
	assert_fails(elsewhere_open(f->fd, "upper", &e), e, ELOOP);
}

static void
one_of_another_owner_is_not_it(void **state)
{
	const struct folder *f = *state;
	struct err e;

	if (geteuid() != 0)
		skip();
	note(f, "changes");
	assert_int_equal(fchownat(f->fd, "changes", 12345, -1, 0), 0);
	assert_fails(elsewhere_open(f->fd, "upper", &e), e, ESTALE);
}

static void
a_note_that_says_nothing_leads_nowhere(void **state)
{
	const struct folder *f = *state;
	struct err e;

	close(openat(f->fd, "upper", O_WRONLY | O_CREAT, 0600));
	assert_fails(elsewhere_open(f->fd, "upper", &e), e, ESTALE);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_folder_is_found_again),
		TEST(what_was_written_in_it_makes_no_difference),
		TEST(one_that_is_not_there_is_not_found),
		TEST(another_in_its_place_is_not_it),
		TEST(one_that_was_made_anew_is_not_it),
		TEST(a_link_to_it_is_not_followed),
		TEST(one_of_another_owner_is_not_it),
		TEST(a_note_that_says_nothing_leads_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
