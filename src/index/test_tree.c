/* Paths, replacement and hard links, as an index shows them afterwards. */
#include <stdio.h>

#include "index/test_support.h"

static void
assert_refused(const char *path)
{
	AUTO_TREE struct tree *t = new_tree();
	struct node_attr a = { .mode = S_IFREG | 0644 };
	struct err e;

	assert_null_with(tree_add(t, path, strlen(path), &a, &e), e, EBADMSG);
}

/* ---- paths ---- */

static void
slashes_and_dots_are_dropped(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_file(t, "./a", 1);
	add_file(t, "/b", 1);
	add_file(t, "c//d/./e", 1);
	add_dir(t, "./f/", 0700);
	add_dir(t, "./", 0711);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_true(has(x, "a") && has(x, "b") && has(x, "c/d/e"));
	assert_int_equal(stat_of(x, "f").st_mode, S_IFDIR | 0700);
	assert_int_equal(stat_of(x, "").st_mode, S_IFDIR | 0711);
}

static void
a_path_that_climbs_is_refused(void **state)
{
	(void)state;
	assert_refused("..");
	assert_refused("../etc/passwd");
	assert_refused("a/../b");
	assert_refused("a/..");
	assert_refused("/..");
}

static void
names_that_only_look_like_dots_are_names(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_file(t, "...", 1);
	add_file(t, ".a", 1);
	add_file(t, "..a", 1);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_true(has(x, "...") && has(x, ".a") && has(x, "..a"));
}

static void
a_nul_in_a_path_is_refused(void **state)
{
	AUTO_TREE struct tree *t = new_tree();
	struct node_attr a = { .mode = S_IFREG };
	struct err e;

	(void)state;
	assert_null_with(tree_add(t, "a\0b", 3, &a, &e), e, EBADMSG);
	assert_null_with(tree_add(t, "d\0/b", 4, &a, &e), e, EBADMSG);
}

static void
names_and_paths_end_at_their_limits(void **state)
{
	char name[LIMIT_PATH_BYTES + 2];
	struct tree *t = new_tree();

	(void)state;
	memset(name, 'n', sizeof name);
	name[LIMIT_NAME_BYTES] = 0;
	add_file(t, name, 1);
	name[LIMIT_NAME_BYTES] = 'n';
	name[LIMIT_NAME_BYTES + 1] = 0;
	assert_refused(name);
	memset(name, '/', sizeof name);
	name[0] = 'p';
	name[LIMIT_PATH_BYTES] = 0;
	add_dir(t, name, 0755);
	name[LIMIT_PATH_BYTES] = '/';
	name[LIMIT_PATH_BYTES + 1] = 0;
	assert_refused(name);

	AUTO_INDEX struct index *x = open_tree(t);

	name[LIMIT_NAME_BYTES] = 0;
	memset(name, 'n', LIMIT_NAME_BYTES);
	assert_true(has(x, name));
}

static void
folders_are_as_deep_as_the_limit(void **state)
{
	char path[2 * LIMIT_DEPTH + 4];
	struct tree *t = new_tree();

	(void)state;
	for (size_t i = 0; i < sizeof path; i++)
		path[i] = i % 2 ? '/' : 'd';
	path[2 * LIMIT_DEPTH - 1] = 0; /* LIMIT_DEPTH components */
	add_dir(t, path, 0755);
	path[2 * LIMIT_DEPTH - 1] = '/';
	path[2 * LIMIT_DEPTH + 1] = 0;
	assert_refused(path);
	index_close(open_tree(t));
}

static void
names_are_bytes(void **state)
{
	struct tree *t = new_tree();
	const char *names[] = { "\x01", " ", "!", "-", "\x80\xff", "\xc3\xa4",
		"\n", "a\\b" };

	(void)state;
	for (size_t i = 0; i < 8; i++)
		add_file(t, names[i], i + 1);

	AUTO_INDEX struct index *x = open_tree(t);

	for (size_t i = 0; i < 8; i++)
		assert_int_equal(stat_of(x, names[i]).st_size, i + 1);
}

/* ---- parents ---- */

static void
a_missing_parent_is_implied_until_it_comes(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_file(t, "a/b/c", 1);
	add_dir(t, "a", 0700);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_false(index_is_implied(x, find(x, "a")));
	assert_true(index_is_implied(x, find(x, "a/b")));
	assert_true(index_is_implied(x, INDEX_ROOT));
	assert_false(index_is_implied(x, find(x, "a/b/c")));
	assert_int_equal(stat_of(x, "a").st_mode, S_IFDIR | 0700);
	assert_int_equal(stat_of(x, "a/b").st_mode, S_IFDIR | 0755);
	assert_int_equal(stat_of(x, "a/b").st_mtim.tv_sec, 0);
}

static void
a_parent_that_is_a_link_is_followed(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_dir(t, "usr/lib", 0755);
	add_link(t, "lib", "usr/lib");
	add_link(t, "usr/lib64", "../lib"); /* a link to a link */
	add_link(t, "abs", "/usr//./lib/");
	add_file(t, "lib/one", 1);
	add_file(t, "usr/lib64/two", 2);
	add_file(t, "abs/three", 3);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_true(has(x, "usr/lib/one") && has(x, "usr/lib/two") &&
		    has(x, "usr/lib/three"));
	assert_true(S_ISLNK(stat_of(x, "lib").st_mode));
}

static void
a_link_never_leads_above_the_root(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_link(t, "up", "../../../../etc");
	add_file(t, "up/passwd", 1);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_true(has(x, "etc/passwd"));
	assert_true(index_is_implied(x, find(x, "etc")));
}

static void
links_in_a_circle_are_refused(void **state)
{
	AUTO_TREE struct tree *t = new_tree();
	struct node_attr a = { .mode = S_IFREG };
	struct err e;

	(void)state;
	add_link(t, "a", "b");
	add_link(t, "b", "a");
	add_link(t, "self", "self/x");
	assert_null_with(tree_add(t, "a/f", 3, &a, &e), e, EBADMSG);
	assert_null_with(tree_add(t, "self/f", 6, &a, &e), e, EBADMSG);
}

static void
forty_links_are_followed_and_no_more(void **state)
{
	AUTO_TREE struct tree *t = new_tree();
	struct node_attr a = { .mode = S_IFREG };
	struct err e;

	(void)state;
	add_dir(t, "l0", 0755);
	for (int i = 1; i <= 41; i++) {
		char name[16], target[16];

		snprintf(name, sizeof name, "l%d", i);
		snprintf(target, sizeof target, "l%d", i - 1);
		add_link(t, name, target);
	}
	add_file(t, "l40/f", 1);
	assert_null_with(tree_add(t, "l41/f", 5, &a, &e), e, EBADMSG);
}

static void
a_parent_that_is_a_file_is_refused(void **state)
{
	AUTO_TREE struct tree *t = new_tree();
	struct node_attr a = { .mode = S_IFREG };
	struct err e;

	(void)state;
	add_file(t, "f", 1);
	assert_null_with(tree_add(t, "f/g", 3, &a, &e), e, EBADMSG);
	assert_fails(tree_add_opaque(t, "f", 1, &e), e, EBADMSG);
}

static void
a_parent_that_changes_is_looked_up_again(void **state)
{
	struct tree *t = new_tree();
	struct node *link;
	struct err e;

	(void)state;
	add_file(t, "d/one", 1);
	link = add_link(t, "d", "e");
	add_file(t, "d/two", 2);
	assert_int_equal(tree_set_target(t, link, "f", 1, &e), 0);
	add_file(t, "d/three", 3);
	add_hard(t, "d", "e/two");
	add_dir(t, "d", 0755);
	add_file(t, "d/four", 4);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_false(has(x, "d/one"));
	assert_true(has(x, "e/two") && has(x, "f/three") && has(x, "d/four"));
}

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

/* ---- hard links ---- */

static void
hard_links_come_in_any_order(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_hard(t, "c", "b"); /* to a link that is to come */
	add_hard(t, "b", "d/a");
	add_file(t, "d/a", 7);
	add_hard(t, "e", "./c");
	add_link(t, "dir", "d");
	add_hard(t, "dir/f", "/dir/a"); /* through links */

	AUTO_INDEX struct index *x = open_tree(t);
	uint64_t nid = find(x, "d/a");

	assert_int_equal(find(x, "b"), nid);
	assert_int_equal(find(x, "c"), nid);
	assert_int_equal(find(x, "e"), nid);
	assert_int_equal(find(x, "d/f"), nid);
	assert_int_equal(stat_of(x, "e").st_nlink, 5);
	assert_int_equal(stat_of(x, "e").st_size, 7);
}

static void
a_long_chain_of_links_is_one_inode(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	for (int i = 0; i < 30000; i++) {
		char path[16], target[16];

		snprintf(path, sizeof path, "l%d", i);
		snprintf(target, sizeof target, "l%d", i + 1);
		add_hard(t, path, target);
	}
	add_file(t, "l30000", 1);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_int_equal(stat_of(x, "l0").st_nlink, 30001);
}

static void
replacing_one_name_leaves_the_others(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_file(t, "a", 1);
	add_hard(t, "b", "a");
	add_hard(t, "c", "a");
	add_file(t, "a", 2);

	AUTO_INDEX struct index *x = open_tree(t);

	assert_int_equal(stat_of(x, "a").st_size, 2);
	assert_int_equal(stat_of(x, "a").st_nlink, 1);
	assert_int_equal(stat_of(x, "b").st_size, 1);
	assert_int_equal(stat_of(x, "b").st_nlink, 2);
}

static void
a_link_outlives_the_folder_of_its_target(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_file(t, "d/a", 1);
	add_hard(t, "b", "d/a");
	add_hard(t, "d", "d/a"); /* in the folder's own place */

	AUTO_INDEX struct index *x = open_tree(t);

	assert_int_equal(find(x, "b"), find(x, "d"));
	assert_int_equal(stat_of(x, "b").st_nlink, 2);
}

static void
assert_link_fails(struct tree *t, const char *names[2])
{
	struct err e;

	assert_fails(tree_finish(t, &e), e, EBADMSG);
	assert_non_null(strstr(e.msg, names[0]));
	assert_non_null(strstr(e.msg, names[1]));
}

static void
a_bad_hard_link_is_refused_by_both_names(void **state)
{
	AUTO_TREE struct tree *missing = new_tree();
	AUTO_TREE struct tree *folder = new_tree();
	AUTO_TREE struct tree *circle = new_tree();
	AUTO_TREE struct tree *whiteout = new_tree();
	const char *names[] = { "from", "onto" };

	(void)state;
	add_hard(missing, "from", "onto");
	assert_link_fails(missing, names);
	add_hard(folder, "from", "onto");
	add_dir(folder, "onto", 0755);
	assert_link_fails(folder, names);
	add_hard(circle, "from", "onto");
	add_hard(circle, "onto", "from");
	assert_link_fails(circle, names);
	add_whiteout(whiteout, "onto");
	add_hard(whiteout, "from", "onto");
	assert_link_fails(whiteout, names);
}

static void
a_bad_hard_link_that_was_replaced_is_forgotten(void **state)
{
	struct tree *t = new_tree();

	(void)state;
	add_hard(t, "a", "missing");
	add_file(t, "a", 1);
	add_hard(t, "d/b", "missing");
	add_file(t, "d", 1);
	index_close(open_tree(t));
}

static void
a_hostile_hard_link_is_refused(void **state)
{
	AUTO_TREE struct tree *t = new_tree();
	struct err e;

	(void)state;
	assert_fails(tree_add_hardlink(t, "a", 1, "../../etc/shadow", 16, &e),
	    e, EBADMSG);
	assert_fails(tree_add_hardlink(t, "../a", 4, "b", 1, &e), e, EBADMSG);
	assert_fails(tree_add_hardlink(t, "/", 1, "b", 1, &e), e, EBADMSG);
	assert_fails(tree_add_hardlink(t, "a", 1, "", 0, &e), e, EBADMSG);
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
		cmocka_unit_test(slashes_and_dots_are_dropped),
		cmocka_unit_test(a_path_that_climbs_is_refused),
		cmocka_unit_test(names_that_only_look_like_dots_are_names),
		cmocka_unit_test(a_nul_in_a_path_is_refused),
		cmocka_unit_test(names_and_paths_end_at_their_limits),
		cmocka_unit_test(folders_are_as_deep_as_the_limit),
		cmocka_unit_test(names_are_bytes),
		cmocka_unit_test(a_missing_parent_is_implied_until_it_comes),
		cmocka_unit_test(a_parent_that_is_a_link_is_followed),
		cmocka_unit_test(a_link_never_leads_above_the_root),
		cmocka_unit_test(links_in_a_circle_are_refused),
		cmocka_unit_test(forty_links_are_followed_and_no_more),
		cmocka_unit_test(a_parent_that_is_a_file_is_refused),
		cmocka_unit_test(a_parent_that_changes_is_looked_up_again),
		cmocka_unit_test(the_last_entry_wins),
		cmocka_unit_test(a_folder_over_a_folder_keeps_the_children),
		cmocka_unit_test(a_file_over_a_folder_drops_what_was_in_it),
		cmocka_unit_test(a_folder_that_comes_again_is_empty),
		cmocka_unit_test(the_root_may_only_be_a_folder),
		cmocka_unit_test(a_whiteout_is_a_device_of_its_own),
		cmocka_unit_test(a_folder_in_a_whiteouts_place_is_opaque),
		cmocka_unit_test(
		    opaque_stays_when_the_folders_entry_comes_later),
		cmocka_unit_test(hard_links_come_in_any_order),
		cmocka_unit_test(a_long_chain_of_links_is_one_inode),
		cmocka_unit_test(replacing_one_name_leaves_the_others),
		cmocka_unit_test(a_link_outlives_the_folder_of_its_target),
		cmocka_unit_test(a_bad_hard_link_is_refused_by_both_names),
		cmocka_unit_test(
		    a_bad_hard_link_that_was_replaced_is_forgotten),
		cmocka_unit_test(a_hostile_hard_link_is_refused),
		cmocka_unit_test(attributes_out_of_range_are_refused),
		cmocka_unit_test(a_link_needs_a_target),
		cmocka_unit_test(xattrs_that_cannot_be_kept_are_told_apart),
		cmocka_unit_test(files_keep_the_order_they_were_added_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
