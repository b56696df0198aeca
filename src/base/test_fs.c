#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/test.h"
#include "base/test_folder.h"

/* The folder that was synced last; the wrapped call has no other way to it. */
static ino_t last_synced;

int __real_fsync(int fd);
int __wrap_fsync(int fd);

int
__wrap_fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0)
		last_synced = st.st_ino;
	return __real_fsync(fd);
}

/* Not another one: ext4 commits nothing for a folder that has not changed. */
static void
a_file_s_own_folder_is_synced(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	struct err e = ERR_INIT;
	struct stat st;

	assert_int_equal(fs_make_dirs(dir, "a/b", 0700, &e), 0);
	assert_int_equal(fs_replace_file(dir, "a/b/f", "x", 1, 0600, &e), 0);
	assert_int_equal(fstatat(dir, "a/b", &st, 0), 0);
	assert_int_equal(last_synced, st.st_ino);
	assert_int_equal(fs_replace_file(dir, "f", "x", 1, 0600, &e), 0);
	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(last_synced, st.st_ino);
}

static void
a_file_is_replaced_whole(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	AUTO_BUF struct buf b = BUF_INIT(100);
	struct err e = ERR_INIT;
	struct stat st;

	assert_int_equal(fs_replace_file(dir, "f", "first", 5, 0600, &e), 0);
	assert_int_equal(fs_replace_file(dir, "f", "2nd", 3, 0600, &e), 0);
	assert_int_equal(fs_read_file(dir, "f", &b, &e), 0);
	assert_string_equal(buf_str(&b), "2nd");
	assert_int_equal(fstatat(dir, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fstatat(dir, "f.tmp", &st, 0), -1);
}

static void
a_failed_replacement_leaves_no_temporary(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	struct stat st;
	struct err e;

	assert_int_equal(mkdirat(dir, "d", 0700), 0);
	assert_int_equal(mkdirat(dir, "d/x", 0700), 0);
	assert_fails(fs_replace_file(dir, "d", "x", 1, 0600, &e), e, EISDIR);
	assert_int_equal(fstatat(dir, "d.tmp", &st, 0), -1);
	assert_fails(fs_replace_file(dir, "no/f", "x", 1, 0600, &e), e, ENOENT);
}

/* As a process leaves them that is killed before its rename. */
static void
temporaries_are_removed_and_nothing_else(void **s)
{
	static const char *const names[] = { "f.12.tmp", "f.tmp", "12.tmp",
		"f.1x.tmp", "f.12.tmp.x", ".tmp" };
	int dir = ((struct folder *)*s)->fd;
	struct err e = ERR_INIT;

	for (int i = 0; i < 6; i++)
		close(openat(dir, names[i], O_CREAT | O_WRONLY, 0600));
	assert_int_equal(fs_remove_temporaries(dir, ".", &e), 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(
		    faccessat(dir, names[i], F_OK, 0), i == 0 ? -1 : 0);
}

static void
an_absent_file_is_enoent_and_named(void **s)
{
	AUTO_BUF struct buf b = BUF_INIT(100);
	struct err e;

	assert_fails(
	    fs_read_file(((struct folder *)*s)->fd, "gone", &b, &e), e, ENOENT);
	assert_non_null(strstr(e.msg, "gone"));
}

static void
a_file_over_the_ceiling_is_refused(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	AUTO_BUF struct buf b = BUF_INIT(4), exact = BUF_INIT(5);
	struct err e = ERR_INIT;

	assert_int_equal(fs_replace_file(dir, "f", "12345", 5, 0600, &e), 0);
	assert_fails(fs_read_file(dir, "f", &b, &e), e, E2BIG);
	assert_int_equal(fs_read_file(dir, "f", &exact, &e), 0);
}

static void
a_read_past_the_end_is_a_bad_file(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	struct err e = ERR_INIT;
	char got[8];

	assert_int_equal(fs_replace_file(dir, "f", "12345", 5, 0600, &e), 0);
	AUTO_CLOSE int fd = openat(dir, "f", O_RDWR | O_CLOEXEC);
	assert_int_equal(fs_pread(fd, got, 5, 0, &e), 0);
	assert_memory_equal(got, "12345", 5);
	assert_fails(fs_pread(fd, got, 5, 1, &e), e, EBADMSG);
	assert_int_equal(fs_pwrite(fd, "ab", 2, 4, &e), 0);
	assert_int_equal(fs_pread(fd, got, 2, 4, &e), 0);
	assert_memory_equal(got, "ab", 2);
}

static void
folders_are_made_with_their_parents(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	struct err e = ERR_INIT;
	struct stat st;

	assert_int_equal(fs_make_dirs(dir, "a/b/c", 0755, &e), 0);
	assert_int_equal(fs_make_dirs(dir, "a/b/c/", 0755, &e), 0);
	assert_int_equal(fstatat(dir, "a/b/c", &st, 0), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_fails(fs_make_dirs(dir, "", 0755, &e), e, ENOENT);
}

static void
removing_a_tree_does_not_follow_links(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	struct err e = ERR_INIT;
	struct stat st;

	assert_int_equal(fs_make_dirs(dir, "keep", 0755, &e), 0);
	assert_int_equal(fs_replace_file(dir, "keep/f", "x", 1, 0600, &e), 0);
	assert_int_equal(fs_make_dirs(dir, "t/u", 0755, &e), 0);
	assert_int_equal(symlinkat("../keep", dir, "t/link"), 0);
	assert_int_equal(fs_replace_file(dir, "t/u/f", "x", 1, 0600, &e), 0);
	assert_int_equal(fs_remove_tree(dir, "t", &e), 0);
	assert_int_equal(fstatat(dir, "t", &st, 0), -1);
	assert_int_equal(fstatat(dir, "keep/f", &st, 0), 0);
	assert_int_equal(fs_remove_tree(dir, "t", &e), 0);
}

enum { DEEP = 5000 };

/* A folder in a folder in a folder ..., with long names: no path reaches the
 * last one. */
static void
make_deep(int dir, const char *name)
{
	char part[200];
	int at = dup(dir);

	memset(part, 'x', sizeof part);
	part[sizeof part - 1] = '\0';
	for (int i = 0; i < DEEP; i++) {
		assert_int_equal(mkdirat(at, i == 0 ? name : part, 0755), 0);
		int next = openat(at, i == 0 ? name : part, O_DIRECTORY);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
}

static void
a_tree_may_be_deeper_than_any_path(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	struct fs_usage u;
	struct err e = ERR_INIT;
	struct stat st;

	make_deep(dir, "deep");
	assert_int_equal(fs_measure_tree(dir, "deep", &u, &e), 0);
	assert_int_equal(u.inodes, DEEP);
	assert_int_equal(fs_remove_tree(dir, "deep", &e), 0);
	assert_int_equal(fstatat(dir, "deep", &st, 0), -1);
}

static void
an_inode_is_measured_once_and_links_are_not_followed(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	struct fs_usage one, u;
	struct err e = ERR_INIT;
	struct stat st;

	assert_int_equal(fs_make_dirs(dir, "t/u", 0755, &e), 0);
	assert_int_equal(fs_replace_file(dir, "t/f", "x", 1, 0600, &e), 0);
	assert_int_equal(fs_measure_tree(dir, "t", &one, &e), 0);
	assert_int_equal(one.inodes, 3);
	assert_int_equal(fstatat(dir, "t/f", &st, 0), 0);
	assert_true(one.bytes >= (uint64_t)st.st_blocks * 512);

	assert_int_equal(linkat(dir, "t/f", dir, "t/u/g", 0), 0);
	assert_int_equal(linkat(dir, "t/f", dir, "t/h", 0), 0);
	assert_int_equal(fs_measure_tree(dir, "t", &u, &e), 0);
	assert_int_equal(u.inodes, 3);
	assert_int_equal(u.bytes, one.bytes);

	assert_int_equal(symlinkat("/", dir, "t/link"), 0);
	assert_int_equal(fs_measure_tree(dir, "t", &u, &e), 0);
	assert_int_equal(u.inodes, 4);
	assert_fails(fs_measure_tree(dir, "absent", &u, &e), e, ENOENT);
}

/* Where the file system has such flags and we may set them. */
static void
an_immutable_file_is_removed_too(void **s)
{
	int dir = ((struct folder *)*s)->fd;
	int flags = FS_IMMUTABLE_FL, fd;
	struct err e = ERR_INIT;

	assert_int_equal(fs_make_dirs(dir, "t/u", 0755, &e), 0);
	assert_int_equal(fs_replace_file(dir, "t/u/f", "x", 1, 0600, &e), 0);
	fd = openat(dir, "t/u/f", O_RDONLY);
	bool may = ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
	close(fd);
	if (!may)
		return;
	fd = openat(dir, "t/u", O_RDONLY);
	assert_int_equal(ioctl(fd, FS_IOC_SETFLAGS, &flags), 0);
	close(fd);
	assert_int_equal(fs_remove_tree(dir, "t", &e), 0);
}

#define IN_FOLDER(f) \
	cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_file_is_replaced_whole),
		IN_FOLDER(a_file_s_own_folder_is_synced),
		IN_FOLDER(a_failed_replacement_leaves_no_temporary),
		IN_FOLDER(temporaries_are_removed_and_nothing_else),
		IN_FOLDER(an_absent_file_is_enoent_and_named),
		IN_FOLDER(a_file_over_the_ceiling_is_refused),
		IN_FOLDER(a_read_past_the_end_is_a_bad_file),
		IN_FOLDER(folders_are_made_with_their_parents),
		IN_FOLDER(removing_a_tree_does_not_follow_links),
		IN_FOLDER(a_tree_may_be_deeper_than_any_path),
		IN_FOLDER(an_inode_is_measured_once_and_links_are_not_followed),
		IN_FOLDER(an_immutable_file_is_removed_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
