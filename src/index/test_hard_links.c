/* Hard links, as an index shows them afterwards. */
#include <stdio.h>

#include "index/test_support.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hard_links_come_in_any_order),
		cmocka_unit_test(a_long_chain_of_links_is_one_inode),
		cmocka_unit_test(replacing_one_name_leaves_the_others),
		cmocka_unit_test(a_link_outlives_the_folder_of_its_target),
		cmocka_unit_test(a_bad_hard_link_is_refused_by_both_names),
		cmocka_unit_test(
		    a_bad_hard_link_that_was_replaced_is_forgotten),
		cmocka_unit_test(a_hostile_hard_link_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
