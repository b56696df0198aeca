/* Replacement, whiteouts and attributes, as an index shows them afterwards. */
#include <stdio.h>

#include "index/test_support.h"

/* ---- replacement ---- */

static void
the_last_entry_wins(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_file(t, "f", 1);
	add_file(t, "f", 2);
	add_link(t, "f2", "x");
	add_file(t, "f2", 3);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_int_equal(stat_of(x, "f").st_size, 2);
	assert_int_equal(stat_of(x, "f2").st_size, 3);
}

static void
a_folder_over_a_folder_keeps_the_children(void **state)
{
	struct tree *t = new_tree();
	struct err e;
	struct node *d = add_dir(t, "d", 0700);

	(void)state;
	assert_int_equal(tree_set_xattr(t, d, "user.old", "1", 1, &e), 0);
	add_file(t, "d/f", 1);
	add_dir(t, "d", 0711);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_int_equal(stat_of(x, "d").st_mode, S_IFDIR | 0711);
	assert_true(has(x, "d/f"));
	assert_false(has_xattr(x, "d", "user.old"));
}

static void
a_file_over_a_folder_drops_what_was_in_it(void **state)
{
	struct tree *t = new_tree();
	struct index_totals n;

	(void)state;
	add_file(t, "d/e/f", 1);
	add_file(t, "d/g", 2);
	add_file(t, "d", 3);
	add_file(t, "h", 4);
	add_file(t, "h", 5);

	AUTO_INDEX struct index *x = open_tree(t);

	index_totals(x, &n);
	assert_int_equal(n.inodes, 3);
	assert_int_equal(n.bytes, 3 + 5);
}

static void
a_folder_that_comes_again_is_empty(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_file(t, "d/f", 1);
	add_file(t, "d", 2);
	add_dir(t, "d", 0755);
	add_file(t, "d/g", 3);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_false(has(x, "d/f"));
	assert_true(has(x, "d/g"));
}

static void
the_root_may_only_be_a_folder(void **state)
{
	(void)state;
	assert_refused("");
	assert_refused("/");
	assert_refused("./.");
}

/* ---- whiteouts ---- */

static void
a_whiteout_is_a_device_of_its_own(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_file(t, "d/gone", 1);
	add_whiteout(t, "d/gone");
	add_opaque(t, "o");

	AUTO_INDEX struct index *x = open_tree(t);

	assert_true(S_ISCHR(stat_of(x, "d/gone").st_mode));
	assert_int_equal(stat_of(x, "d/gone").st_rdev, 0);
	assert_true(has_xattr(x, "o", "trusted.overlay.opaque"));
	assert_true(index_is_implied(x, find(x, "o")));
}

static void
a_folder_in_a_whiteouts_place_is_opaque(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_whiteout(t, "a");
	add_dir(t, "a", 0755);
	add_whiteout(t, "b");
	add_file(t, "b/f", 1);
	add_whiteout(t, "c");
	add_file(t, "c", 1);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_true(has_xattr(x, "a", "trusted.overlay.opaque"));
	assert_true(has_xattr(x, "b", "trusted.overlay.opaque"));
	assert_false(has_xattr(x, "c", "trusted.overlay.opaque"));
}

static void
opaque_stays_when_the_folders_entry_comes_later(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_opaque(t, "d");
	add_dir(t, "d", 0700);
	add_opaque(t, "");

	AUTO_INDEX struct index *x = open_tree(t);

	assert_true(has_xattr(x, "d", "trusted.overlay.opaque"));
	assert_true(has_xattr(x, "", "trusted.overlay.opaque"));
	assert_false(index_is_implied(x, find(x, "d")));
}

/* ---- attributes ---- */

static void
attributes_out_of_range_are_refused(void **state)
{
	AUTO_TREE struct tree *t = new_tree();
	struct err e;
	const struct node_attr bad[] = {
		{ .mode = 0644 },
		{ .mode = S_IFREG | 0200000 },
		{ .mode = S_IFREG, .mtime_ns = 1000000000 },
		{ .mode = S_IFREG, .size = LIMIT_FILE_BYTES + 1 },
		{ .mode = S_IFBLK, .rdev = makedev(4096, 0) },
		{ .mode = S_IFCHR, .rdev = makedev(0, 1 << 20) },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_null_with(tree_add(t, "f", 1, &bad[i], &e), e, EBADMSG);
}

static void
a_link_needs_a_target(void **state)
{
	AUTO_TREE struct tree *t = new_tree();
	struct node_attr a = { .mode = S_IFLNK | 0777 };
	struct node *n = add_attr(t, "bare", &a);
	struct err e;
	char big[LIMIT_LINK_BYTES + 1];

	(void)state;
	memset(big, 'x', sizeof big);
	assert_fails(tree_set_target(t, n, "", 0, &e), e, EBADMSG);
	assert_fails(tree_set_target(t, n, "a\0b", 3, &e), e, EBADMSG);
	assert_fails(tree_set_target(t, n, big, sizeof big, &e), e, EBADMSG);
	assert_null_with(tree_add(t, "bare/f", 6, &a, &e), e, EBADMSG);
	assert_fails(tree_finish(t, &e), e, EBADMSG);
	assert_non_null(strstr(e.msg, "bare"));
}

static void
xattrs_that_cannot_be_kept_are_told_apart(void **state)
{
	AUTO_TREE struct tree *t = new_tree();
	struct node *n = add_file(t, "f", 1);
	char long_name[300] = "user.", big[LIMIT_XATTR_BYTES + 1] = { 0 };
	struct err e;
	const char *none[] = { "", "user", "user.", "system.nfs4_acl",
		"system.posix_acl_access.x", "security.", "trusted.",
		"trusted.overlay.redirect", "trusted.overlay.opaque",
		"user.overlay.opaque", long_name };

	(void)state;
	memset(long_name + 5, 'x', 251);
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		assert_fails(
		    tree_set_xattr(t, n, none[i], "", 0, &e), e, ENOTSUP);
	assert_fails(
	    tree_set_xattr(t, n, "user.x", big, sizeof big, &e), e, E2BIG);
	for (int i = 0; i < 3; i++) {
		char name[] = "user.0";

		name[5] += i;
		assert_int_equal(
		    tree_set_xattr(t, n, name, big, LIMIT_XATTR_BYTES, &e), 0);
	}
	assert_int_equal(tree_set_xattr(t, n, "user.3", big, 65511, &e), 0);
	assert_fails(tree_set_xattr(t, n, "user.4", "", 0, &e), e, E2BIG);
	/* Replacing is no addition. */
	assert_int_equal(tree_set_xattr(t, n, "user.3", "x", 1, &e), 0);
	assert_int_equal(tree_set_xattr(t, n, "user.4", "x", 1, &e), 0);
}

/* ---- files in order ---- */

static int
note_size(void *ctx, uint64_t size, uint64_t *content)
{
	uint64_t **next = ctx;

	*(*next)++ = size;
	*content = size * 8192;
	return size == 99;
}

static void
files_keep_the_order_they_were_added_in(void **state)
{
	struct tree *t = new_tree();
	uint64_t sizes[8] = { 0 }, *next = sizes, off, size;
	struct err e;

	(void)state;
	add_file(t, "z", 5);
	add_file(t, "b/x", 3);
	add_file(t, "a", 4);
	add_file(t, "empty", 0);
	add_file(t, "lost/f", 6);
	add_file(t, "lost", 7);
	add_hard(t, "y", "z");
	add_file(t, "b/x", 9);
	add_file(t, "last", 99);
	add_file(t, "not reached", 1);
	assert_int_equal(tree_finish(t, &e), 0);
	assert_int_equal(tree_each_file(t, note_size, &next), 1);
	assert_int_equal(next - sizes, 5);
	assert_memory_equal(
	    sizes, ((uint64_t[]){ 5, 4, 7, 9, 99 }), 5 * sizeof sizes[0]);

	AUTO_INDEX struct index *x = open_finished(t);

	assert_true(index_file(x, find(x, "z"), &off, &size));
	assert_int_equal(off, 5 * 8192);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_entry_wins),
		cmocka_unit_test(a_folder_over_a_folder_keeps_the_children),
		cmocka_unit_test(a_file_over_a_folder_drops_what_was_in_it),
		cmocka_unit_test(a_folder_that_comes_again_is_empty),
		cmocka_unit_test(the_root_may_only_be_a_folder),
		cmocka_unit_test(a_whiteout_is_a_device_of_its_own),
		cmocka_unit_test(a_folder_in_a_whiteouts_place_is_opaque),
		cmocka_unit_test(
		    opaque_stays_when_the_folders_entry_comes_later),
		cmocka_unit_test(attributes_out_of_range_are_refused),
		cmocka_unit_test(a_link_needs_a_target),
		cmocka_unit_test(xattrs_that_cannot_be_kept_are_told_apart),
		cmocka_unit_test(files_keep_the_order_they_were_added_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
