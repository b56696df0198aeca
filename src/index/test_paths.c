/* Paths, and the parents on the way, as an index shows them afterwards. */
#include <stdio.h>

#include "index/test_support.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
