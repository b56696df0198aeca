#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/target.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/test.h"

/* Each test runs in a folder of its own, whose absolute name is `home`. */
struct folder {
	char home[64];
	char path[LIMIT_PATH_BYTES];
	char want[LIMIT_PATH_BYTES];
};

static int
enter(void **state)
{
	struct folder *f = calloc(1, sizeof *f);

	*state = f;
	strcpy(f->home, "/tmp/layerfs-test-XXXXXX");
	return mkdtemp(f->home) == NULL ? -1 : chdir(f->home);
}

static int
leave(void **state)
{
	struct folder *f = *state;
	struct err e;
	int failed =
	    chdir("/") < 0 || fs_remove_tree(AT_FDCWD, f->home, &e) < 0;

	free(f);
	return failed;
}

static void
assert_absolute(struct folder *f, const char *text, const char *below)
{
	struct err e;

	snprintf(f->want, sizeof f->want, "%s%s", f->home, below);
	assert_int_equal(target_absolute(text, f->path, &e), 0);
	assert_string_equal(f->path, f->want);
}

static void
names_become_absolute_without_links(void **state)
{
	struct folder *f = *state;

	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(symlink("a", "link"), 0);
	assert_absolute(f, "a", "/a");
	assert_absolute(f, "./link/", "/a");
	assert_absolute(f, "a/../a//", "/a");
	assert_absolute(f, ".", "");
}

static void
what_does_not_exist_has_a_name_too(void **state)
{
	struct folder *f = *state;
	struct err e;

	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(symlink("a", "link"), 0);
	assert_absolute(f, "none", "/none");
	assert_absolute(f, "link/none", "/a/none");
	assert_absolute(f, "link/x/y/", "/a/x/y");
	assert_int_equal(target_absolute("/no-such-thing", f->path, &e), 0);
	assert_string_equal(f->path, "/no-such-thing");
}

static void
names_that_lead_nowhere_are_refused(void **state)
{
	struct folder *f = *state;
	char name[LIMIT_PATH_BYTES + 8];
	struct err e;

	assert_fails(target_absolute("", f->path, &e), e, EINVAL);
	assert_fails(target_absolute("none/..", f->path, &e), e, ENOENT);
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = 0;
	assert_fails(target_absolute(name, f->path, &e), e, ENAMETOOLONG);
	name[LIMIT_PATH_BYTES - 1] = 0;
	assert_fails(target_absolute(name, f->path, &e), e, ENAMETOOLONG);
}

static void
a_target_is_an_existing_folder(void **state)
{
	struct folder *f = *state;
	struct err e;

	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(symlink("a", "link"), 0);
	assert_int_equal(symlink("nothing", "broken"), 0);
	assert_int_equal(mknod("file", S_IFREG | 0600, 0), 0);
	assert_fails(target_open("none", f->path, &e), e, ENOENT);
	assert_fails(target_open("broken", f->path, &e), e, ENOENT);
	assert_fails(target_open("file", f->path, &e), e, ENOTDIR);
	AUTO_CLOSE int fd = target_open("link", f->path, &e);

	assert_true(fd >= 0);
	snprintf(f->want, sizeof f->want, "%s/a", f->home);
	assert_string_equal(f->path, f->want);
}

static void
a_folder_without_a_mount_is_empty(void **state)
{
	struct folder *f = *state;
	enum target_state s;
	struct target t;
	struct err e;

	assert_int_equal(target_find(".", &t, &e), 0);
	assert_string_equal(t.path, f->home);
	assert_int_equal(target_state(&t, &s, &e), 0);
	assert_int_equal(s, TARGET_EMPTY);
	assert_int_equal(target_find("/proc", &t, &e), 0);
	assert_int_equal(target_state(&t, &s, &e), 0);
	assert_int_equal(s, TARGET_FOREIGN);
}

static void
what_does_not_exist_has_no_mount(void **state)
{
	struct folder *f = *state;
	enum target_state s;
	struct target t;
	struct err e;

	assert_int_equal(target_find("none", &t, &e), 0);
	snprintf(f->want, sizeof f->want, "%s/none", f->home);
	assert_string_equal(t.path, f->want);
	assert_fails(target_state(&t, &s, &e), e, ENOENT);
	assert_fails(target_detach(&t, false, &e), e, ENOENT);
	assert_fails(target_find("", &t, &e), e, EINVAL);
}

static const char table[] =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "31 22 0:40 / /mnt/a ro,nosuid shared:7 master:1 - fuse.layerfs x:y ro\n"
    "32 22 0:41 / /mnt/b rw - overlay layerfs rw,lowerdir=/x\n"
    "33 22 0:42 / /mnt/with\\040space\\134 rw - tmpfs layerfs:a rw\n"
    "34 22 0:43 / /mnt/c rw - tmpfs layerfsx rw\n"
    "35 31 0:44 / /mnt/a rw - tmpfs tmpfs rw\n"
    "36 22 0:45 / /mnt/cut rw shared:7";

static void
our_mounts_are_told_from_others(void **state)
{
	(void)state;
	assert_int_equal(target_state_in(table, 31, "/mnt/a"), TARGET_OURS);
	assert_int_equal(target_state_in(table, 32, "/mnt/b"), TARGET_OURS);
	assert_int_equal(
	    target_state_in(table, 33, "/mnt/with space\\"), TARGET_OURS);
	assert_int_equal(target_state_in(table, 34, "/mnt/c"), TARGET_FOREIGN);
	assert_int_equal(target_state_in(table, 35, "/mnt/a"), TARGET_FOREIGN);
}

static void
a_folder_inside_a_mount_is_no_mount(void **state)
{
	(void)state;
	assert_int_equal(target_state_in(table, 31, "/mnt/a/b"), TARGET_EMPTY);
	assert_int_equal(target_state_in(table, 31, "/mnt"), TARGET_EMPTY);
	assert_int_equal(target_state_in(table, 99, "/mnt/a"), TARGET_EMPTY);
}

static void
a_table_that_is_cut_off_does_no_harm(void **state)
{
	(void)state;
	assert_int_equal(target_state_in(table, 36, "/mnt/cut"), TARGET_EMPTY);
	assert_int_equal(target_state_in("", 1, "/"), TARGET_EMPTY);
	assert_int_equal(target_state_in("1", 1, "/"), TARGET_EMPTY);
	assert_int_equal(target_state_in("1 2 3 4 \\0", 1, "/"), TARGET_EMPTY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    names_become_absolute_without_links, enter, leave),
		cmocka_unit_test_setup_teardown(
		    what_does_not_exist_has_a_name_too, enter, leave),
		cmocka_unit_test_setup_teardown(
		    names_that_lead_nowhere_are_refused, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_target_is_an_existing_folder, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_folder_without_a_mount_is_empty, enter, leave),
		cmocka_unit_test_setup_teardown(
		    what_does_not_exist_has_no_mount, enter, leave),
		cmocka_unit_test(our_mounts_are_told_from_others),
		cmocka_unit_test(a_folder_inside_a_mount_is_no_mount),
		cmocka_unit_test(a_table_that_is_cut_off_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
