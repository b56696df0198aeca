/* What was written is what is read. */
#include <stdio.h>

#include "index/erofs.h"
#include "index/test_support.h"

/* ---- inodes ---- */

static void
every_kind_of_inode_comes_back(void **state)
{
	const struct node_attr kinds[] = {
		{ .mode = S_IFREG | 06755, .size = 5, .content = 4096 },
		{ .mode = S_IFDIR | 01777 },
		{ .mode = S_IFCHR | 0600, .rdev = makedev(4095, 1048575) },
		{ .mode = S_IFBLK | 0660, .rdev = makedev(8, 256) },
		{ .mode = S_IFIFO | 0622 },
		{ .mode = S_IFSOCK | 0777 },
	};
	enum { N = sizeof kinds / sizeof kinds[0] };
	struct tree *t = new_tree();
	char name[] = "0";

	(void)state;
	for (int i = 0; i < N; i++) {
		struct node_attr a = kinds[i];

		a.uid = UINT32_MAX - 1 - i;
		a.gid = i;
		a.mtime_s = i * 123456789ll;
		a.mtime_ns = 999999999 - i;
		name[0] = '0' + i;
		add_attr(t, name, &a);
	}

	AUTO_INDEX struct index *x = open_tree(t);

	for (int i = 0; i < N; i++) {
		struct stat st;

		name[0] = '0' + i;
		st = stat_of(x, name);
		assert_int_equal(st.st_ino, find(x, name));
		assert_int_equal(st.st_mode, kinds[i].mode);
		assert_int_equal(st.st_uid, UINT32_MAX - 1 - i);
		assert_int_equal(st.st_gid, i);
		assert_int_equal(st.st_mtim.tv_sec, i * 123456789ll);
		assert_int_equal(st.st_mtim.tv_nsec, 999999999 - i);
		assert_int_equal(st.st_rdev, kinds[i].rdev);
	}
}

static void
times_may_be_negative_or_far_away(void **state)
{
	const int64_t times[] = { -1, INT64_MIN, INT64_MAX, 1ll << 33 };
	struct tree *t = new_tree();
	char name[] = "0";

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct node_attr a = { .mode = S_IFREG, .mtime_s = times[i] };

		name[0] = '0' + i;
		add_attr(t, name, &a);
	}

	AUTO_INDEX struct index *x = open_tree(t);

	for (int i = 0; i < 4; i++) {
		name[0] = '0' + i;
		assert_int_equal(stat_of(x, name).st_mtim.tv_sec, times[i]);
	}
}

static void
folders_and_links_are_counted(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_dir(t, "d/a", 0755);
	add_dir(t, "d/b", 0755);
	add_file(t, "d/f", 1);
	add_hard(t, "g", "d/f");

	AUTO_INDEX struct index *x = open_tree(t);

	assert_int_equal(stat_of(x, "d").st_nlink, 4);
	assert_int_equal(stat_of(x, "d/a").st_nlink, 2);
	assert_int_equal(stat_of(x, "").st_nlink, 3);
	assert_int_equal(stat_of(x, "g").st_nlink, 2);
}

static uint64_t
place_after(void *ctx, uint64_t content)
{
	return *(uint64_t *)ctx + content;
}

static void
files_of_any_size_have_their_place(void **state)
{
	const uint64_t sizes[] = { 0, 1, 4095, 4096, 4097, 1ull << 31,
		(1ull << 31) + 1, LIMIT_FILE_BYTES };
	struct tree *t = new_tree();
	uint64_t base = 1 << 20, off, size;
	struct index_options o = { .data_off = place_after, .ctx = &base };
	struct err e;
	char name[] = "0";

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct node_attr a = { .mode = S_IFREG,
			.size = sizes[i],
			.content = (uint64_t)i << 40 };

		name[0] = '0' + i;
		add_attr(t, name, &a);
	}
	assert_int_equal(tree_finish(t, &e), 0);

	int fd = memfd_create("index", MFD_CLOEXEC);

	assert_int_equal(index_write(t, &o, fd, &e), 0);
	tree_free(t);

	AUTO_INDEX struct index *x = index_open(fd, &e);

	assert_non_null(x);
	for (int i = 0; i < 8; i++) {
		name[0] = '0' + i;
		assert_true(index_file(x, find(x, name), &off, &size));
		assert_int_equal(size, sizes[i]);
		assert_int_equal(off, size ? base + ((uint64_t)i << 40) : 0);
	}
	assert_int_equal(
	    index_find_position(x, base + (3ull << 40) + 4095), find(x, "3"));
	assert_int_equal(index_find_position(x, base + (3ull << 40) + 4096), 0);
}

static void
a_place_that_is_none_is_refused(void **state)
{
	const uint64_t places[] = { 1, 4095, LIMIT_DATA_BYTES,
		LIMIT_DATA_BYTES - 4096, UINT64_MAX };
	int fd = memfd_create("index", MFD_CLOEXEC);

	(void)state;
	for (int i = 0; i < 5; i++) {
		AUTO_TREE struct tree *t = new_tree();
		struct node_attr a = {
			.mode = S_IFREG, .size = 4097, .content = places[i]
		};
		struct index_options o = { .data_blocks = 0 };
		struct err e;

		add_attr(t, "f", &a);
		assert_int_equal(tree_finish(t, &e), 0);
		assert_fails(index_write(t, &o, fd, &e), e, EFBIG);
	}
	close(fd);
}

/* ---- links ---- */

static void
targets_fit_at_any_length(void **state)
{
	static const unsigned lengths[] = { 1, 63, 4000, 4031, 4032, 4033, 4094,
		4095 };
	struct tree *t = new_tree();
	char target[LIMIT_LINK_BYTES + 1], name[16];
	struct err e;

	(void)state;
	memset(target, 't', sizeof target);
	for (int i = 0; i < 16; i++) {
		struct node *n;

		target[lengths[i % 8]] = 0;
		snprintf(name, sizeof name, "%d", i);
		n = add_link(t, name, target);
		target[lengths[i % 8]] = 't';
		if (i >= 8)
			assert_int_equal(
			    tree_set_xattr(t, n, "user.0123456789", "v", 1, &e),
			    0);
	}

	AUTO_INDEX struct index *x = open_tree(t);

	for (int i = 0; i < 16; i++) {
		const char *got;
		size_t len;

		snprintf(name, sizeof name, "%d", i);
		assert_true(index_read_link(x, find(x, name), &got, &len));
		assert_int_equal(len, lengths[i % 8]);
		assert_memory_equal(got, target, len);
	}
}

/* ---- attributes ---- */

static void
xattrs_of_any_size_come_back(void **state)
{
	static const unsigned sizes[] = { 0, 1, 4, 4000, 4095, 4096, 65535 };
	struct tree *t = new_tree();
	struct node *n = add_file(t, "f", 1);
	uint8_t value[LIMIT_XATTR_BYTES];
	struct err e;
	char name[] = "user.n0";

	(void)state;
	for (size_t i = 0; i < sizeof value; i++)
		value[i] = i * 7;
	for (int i = 0; i < 7; i++) {
		name[6] = '0' + i;
		assert_int_equal(
		    tree_set_xattr(t, n, name, value, sizes[i], &e), 0);
	}

	AUTO_INDEX struct index *x = open_tree(t);

	for (int i = 0; i < 7; i++) {
		const void *got;
		size_t len;

		name[6] = '0' + i;
		assert_true(
		    index_find_xattr(x, find(x, "f"), name, &got, &len));
		assert_int_equal(len, sizes[i]);
		assert_memory_equal(got, value, len);
	}
	assert_false(has_xattr(x, "f", "user.n7"));
	assert_false(has_xattr(x, "f", "trusted.n0"));
}

static int
count_name(void *ctx, const char *name, const void *value, size_t len)
{
	static const char *const names[] = { "security.capability",
		"system.posix_acl_access", "system.posix_acl_default",
		"trusted.x", "user.x" };
	unsigned *count = ctx;

	assert_string_equal(name, names[*count]);
	assert_int_equal(len, 1);
	assert_int_equal(*(const char *)value, 'v');
	return ++*count == 4 ? 77 : 0;
}

static void
xattrs_are_listed_in_the_order_of_setting(void **state)
{
	struct tree *t = new_tree();
	struct node *n = add_dir(t, "d", 0755);
	unsigned count = 0;
	struct err e;

	(void)state;
	tree_set_xattr(t, n, "security.capability", "old value", 9, &e);
	tree_set_xattr(t, n, "system.posix_acl_access", "v", 1, &e);
	tree_set_xattr(t, n, "system.posix_acl_default", "v", 1, &e);
	tree_set_xattr(t, n, "trusted.x", "v", 1, &e);
	tree_set_xattr(t, n, "user.x", "v", 1, &e);
	tree_set_xattr(t, n, "security.capability", "v", 1, &e);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_int_equal(
	    index_each_xattr(x, find(x, "d"), count_name, &count), 77);
	assert_int_equal(count, 4);
	assert_int_equal(index_each_xattr(x, 99999, count_name, &count), -1);
}

/* ---- the root, which cannot move ---- */

static void
the_root_stays_nid_1_whatever_it_holds(void **state)
{
	static const unsigned xattr[] = { 0, 2000, 60000 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		for (int names = 1; names < 200; names += 9) {
			struct tree *t = new_tree();
			struct node *root = add_dir(t, "", 0755);
			char name[64], value[60000] = { 0 };
			struct err e;

			if (xattr[i] > 0)
				tree_set_xattr(
				    t, root, "user.x", value, xattr[i], &e);
			for (int k = 0; k < names; k++) {
				snprintf(name, sizeof name, "%016d", k);
				add_file(t, name, 1);
			}

			AUTO_INDEX struct index *x = open_tree(t);

			assert_int_equal(read_all(x, INDEX_ROOT), names + 2);
		}
	}
}

/* ---- the whole ---- */

static void
totals_count_each_inode_once(void **state)
{
	struct tree *t = new_tree();
	struct index_totals n;

	(void)state;
	add_file(t, "a", 1000);
	add_hard(t, "b", "a");
	add_file(t, "c", 24);
	add_link(t, "l", "a");

	AUTO_INDEX struct index *x = open_tree(t);
	struct stat st;

	index_totals(x, &n);
	assert_int_equal(n.inodes, 4);
	assert_int_equal(n.bytes, 1024);
	assert_false(n.has_xattrs);
	assert_int_equal(fstat(index_fd(x), &st), 0);
	assert_int_equal(n.index_bytes, st.st_size);
}

static void
the_same_tree_gives_the_same_bytes(void **state)
{
	uint8_t *image[2];
	size_t size[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct tree *t = new_tree();
		struct err e;
		struct node *n;

		/* The order of adding does not matter. */
		add_file(t, i ? "x/b" : "x/a", i ? 2 : 1);
		add_file(t, i ? "x/a" : "x/b", i ? 1 : 2);
		n = add_link(t, "l", "target");
		tree_set_xattr(t, n, "user.a", "1", 1, &e);
		tree_set_xattr(t, n, "user.b", "2", 1, &e);
		assert_int_equal(tree_finish(t, &e), 0);

		int fd = write_tree(t);

		image[i] = read_image(fd, &size[i]);
		close(fd);
		tree_free(t);
	}
	assert_int_equal(size[0], size[1]);
	assert_memory_equal(image[0], image[1], size[0]);
	assert_memory_equal(image[0] + 1024 + 48, "0123456789abcdef", 16);
	free(image[0]);
	free(image[1]);
}

static void
a_nid_that_is_none_is_answered_so(void **state)
{
	struct tree *t = new_tree();
	uint64_t bad[] = { 0, 2, 1ull << 32, UINT64_MAX, 0, 0 }, cookie = 0;
	uint64_t off, size;
	struct index_entry n;
	const char *target;
	struct stat st;
	size_t len;

	(void)state;
	add_file(t, "f", 1);

	AUTO_INDEX struct index *x = open_tree(t);

	bad[4] = find(x, "f") + 1;
	bad[5] = 4096 / 32 - 1;
	for (int i = 0; i < 6; i++) {
		assert_false(index_stat(x, bad[i], &st));
		assert_false(index_file(x, bad[i], &off, &size));
		assert_false(index_read_link(x, bad[i], &target, &len));
		assert_false(index_read_dir(x, bad[i], &cookie, &n));
		assert_int_equal(index_lookup(x, bad[i], "f", 1), 0);
		assert_null(index_path(x, bad[i]));
	}
	/* And one that is of another kind. */
	assert_int_equal(index_lookup(x, find(x, "f"), ".", 1), 0);
	assert_false(index_file(x, INDEX_ROOT, &off, &size));
	assert_false(index_read_link(x, INDEX_ROOT, &target, &len));
}

static void
an_inode_has_a_path_to_tell(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_file(t, "a/b/c", 1);
	add_dir(t, "a/d", 0755);

	AUTO_INDEX struct index *x = open_tree(t);
	AUTO_FREE char *file = index_path(x, find(x, "a/b/c"));
	AUTO_FREE char *folder = index_path(x, find(x, "a/d"));
	AUTO_FREE char *root = index_path(x, INDEX_ROOT);

	assert_string_equal(file, "a/b/c");
	assert_string_equal(folder, "a/d");
	assert_string_equal(root, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_inode_comes_back),
		cmocka_unit_test(times_may_be_negative_or_far_away),
		cmocka_unit_test(folders_and_links_are_counted),
		cmocka_unit_test(files_of_any_size_have_their_place),
		cmocka_unit_test(a_place_that_is_none_is_refused),
		cmocka_unit_test(targets_fit_at_any_length),
		cmocka_unit_test(xattrs_of_any_size_come_back),
		cmocka_unit_test(xattrs_are_listed_in_the_order_of_setting),
		cmocka_unit_test(the_root_stays_nid_1_whatever_it_holds),
		cmocka_unit_test(totals_count_each_inode_once),
		cmocka_unit_test(the_same_tree_gives_the_same_bytes),
		cmocka_unit_test(a_nid_that_is_none_is_answered_so),
		cmocka_unit_test(an_inode_has_a_path_to_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
