#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/snapshots.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/test.h"
#include "base/test_folder.h"

static mode_t
mode_of(int dir, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static struct agent_snapshot_options
own(bool with_work)
{
	return (struct agent_snapshot_options){
		.uid = getuid(), .gid = getgid(), .with_work = with_work
	};
}

static void
a_snapshot_has_the_folders_that_overlayfs_wants(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	struct agent_snapshot_options o = own(true);
	struct err e;
	struct stat st;

	mode_t mask = umask(077);
	assert_int_equal(snapshot_make(dir, 12, &o, &e), 0);
	o.with_work = false;
	assert_int_equal(snapshot_make(dir, UINT64_MAX, &o, &e), 0);
	umask(mask);
	assert_int_equal(mode_of(dir, "12/fs"), 0755);
	assert_int_equal(mode_of(dir, "12/work"), 0711);
	assert_int_equal(mode_of(dir, "18446744073709551615/fs"), 0755);
	assert_int_equal(fstatat(dir, "18446744073709551615/work", &st, 0), -1);
	assert_fails(snapshot_make(dir, 12, &o, &e), e, EEXIST);
	assert_int_equal(mode_of(dir, "12/work"), 0711);
}

static void
one_that_cannot_be_given_away_leaves_nothing(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	struct agent_snapshot_options o = own(true);
	struct err e;
	struct stat st;

	if (getuid() == 0)
		return; /* who may give anything away */
	o.uid = 0;
	assert_fails(snapshot_make(dir, 1, &o, &e), e, EPERM);
	assert_int_equal(fstatat(dir, "1", &st, 0), -1);
}

static void
one_may_have_the_owner_of_another(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	struct agent_snapshot_options o = own(true);
	struct err e;
	struct stat st;

	if (getuid() != 0)
		return; /* who alone may give anything away */
	assert_int_equal(snapshot_make(dir, 1, &o, &e), 0);
	assert_int_equal(fchownat(dir, "1/fs", 5, 6, 0), 0);
	o.like = 1;
	assert_int_equal(snapshot_make(dir, 2, &o, &e), 0);
	assert_int_equal(fstatat(dir, "2/fs", &st, 0), 0);
	assert_int_equal(st.st_uid, 5);
	assert_int_equal(st.st_gid, 6);
	o.like = 9;
	assert_fails(snapshot_make(dir, 3, &o, &e), e, ENOENT);
}

static void
it_is_measured_and_removed_with_what_is_in_it(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	struct agent_snapshot_options o = own(true);
	struct fs_usage before, after;
	struct err e;
	struct stat st;

	assert_int_equal(snapshot_make(dir, 3, &o, &e), 0);
	assert_int_equal(snapshot_measure(dir, 3, &before, &e), 0);
	assert_int_equal(
	    fs_replace_file(dir, "3/fs/f", "hello", 5, 0600, &e), 0);
	assert_int_equal(symlinkat("/", dir, "3/fs/link"), 0);
	assert_int_equal(snapshot_measure(dir, 3, &after, &e), 0);
	assert_int_equal(before.inodes, 1);
	assert_int_equal(after.inodes, 3);
	assert_true(after.bytes >= before.bytes);
	assert_int_equal(snapshot_remove(dir, 3, &e), 0);
	assert_int_equal(fstatat(dir, "3", &st, 0), -1);
	assert_int_equal(snapshot_remove(dir, 3, &e), 0);
	assert_fails(snapshot_measure(dir, 3, &after, &e), e, ENOENT);
}

static void
a_link_in_its_place_is_not_followed(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	struct agent_snapshot_options o = own(true);
	struct fs_usage u;
	struct err e;

	assert_int_equal(fs_make_dirs(dir, "keep/fs", 0755, &e), 0);
	assert_int_equal(symlinkat("keep", dir, "4"), 0);
	assert_fails(snapshot_make(dir, 4, &o, &e), e, EEXIST);
	assert_fails(snapshot_measure(dir, 4, &u, &e), e, ENOTDIR);
	assert_int_equal(snapshot_remove(dir, 4, &e), 0);
	assert_int_equal(mode_of(dir, "keep/fs"), 0755);
}

#define IN_FOLDER(f) \
	cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_snapshot_has_the_folders_that_overlayfs_wants),
		IN_FOLDER(one_that_cannot_be_given_away_leaves_nothing),
		IN_FOLDER(one_may_have_the_owner_of_another),
		IN_FOLDER(it_is_measured_and_removed_with_what_is_in_it),
		IN_FOLDER(a_link_in_its_place_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
