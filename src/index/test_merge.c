/* Layers laid over one another. */
#include "index/merge.h"
#include "index/test_support.h"

/* Merges and closes two layers. */
static struct index *
merge(struct tree *bottom, struct tree *top)
{
	struct index *layers[] = { open_tree(bottom), open_tree(top) };
	struct err e = ERR_INIT;
	struct tree *t = index_merge(layers, 2, &e);

	if (t == NULL)
		fail_msg("%s", e.msg);
	index_close(layers[0]);
	index_close(layers[1]);
	return open_finished(t);
}

static void
no_layers_are_an_empty_tree(void **state)
{
	struct err e;
	AUTO_INDEX struct index *x = open_finished(index_merge(NULL, 0, &e));
	struct index_totals n;

	(void)state;
	index_totals(x, &n);
	assert_int_equal(n.inodes, 1);
	assert_false(n.has_xattrs);
}

static void
entries_of_both_layers_are_there(void **state)
{
	struct tree *a = new_tree(), *b = new_tree();
	uint64_t off, size;

	(void)state;
	add_file(a, "d/a", 1);
	add_file(a, "both", 2);
	add_file(b, "d/b", 3);
	add_file(b, "both", 4);
	add_link(b, "l", "d");

	AUTO_INDEX struct index *x = merge(a, b);

	assert_true(has(x, "d/a") && has(x, "d/b") && has(x, "l"));
	assert_true(index_file(x, find(x, "both"), &off, &size));
	assert_int_equal(size, 4);
	assert_int_equal(off, 4 * 4096);
}

static void
a_whiteout_hides_and_is_gone(void **state)
{
	struct tree *a = new_tree(), *b = new_tree();

	(void)state;
	add_file(a, "d/e/f", 1);
	add_file(a, "g", 1);
	add_whiteout(b, "d/e");
	add_whiteout(b, "g");
	add_whiteout(b, "never");

	AUTO_INDEX struct index *x = merge(a, b);

	assert_true(has(x, "d"));
	assert_false(has(x, "d/e") || has(x, "g") || has(x, "never"));
}

static void
an_opaque_folder_hides_only_what_is_below(void **state)
{
	struct tree *a = new_tree(), *b = new_tree();

	(void)state;
	add_file(a, "d/old", 1);
	add_file(a, "keep", 1);
	add_dir(b, "d", 0700);
	add_file(b, "d/new", 2);
	add_opaque(b, "d");

	AUTO_INDEX struct index *x = merge(a, b);

	assert_false(has(x, "d/old"));
	assert_true(has(x, "d/new") && has(x, "keep"));
	assert_false(has_xattr(x, "d", "trusted.overlay.opaque"));
}

static void
an_opaque_root_hides_everything(void **state)
{
	struct tree *a = new_tree(), *b = new_tree();

	(void)state;
	add_file(a, "old", 1);
	add_opaque(b, "");
	add_file(b, "new", 1);

	AUTO_INDEX struct index *x = merge(a, b);

	assert_false(has(x, "old"));
	assert_true(has(x, "new"));
	assert_false(has_xattr(x, "", "trusted.overlay.opaque"));
}

static void
a_folder_in_a_whiteouts_place_starts_empty(void **state)
{
	struct tree *a = new_tree(), *b = new_tree();

	(void)state;
	add_file(a, "d/old", 1);
	add_whiteout(b, "d");
	add_file(b, "d/new", 1);

	AUTO_INDEX struct index *x = merge(a, b);

	assert_false(has(x, "d/old"));
	assert_true(has(x, "d/new"));
}

static void
files_and_folders_replace_each_other(void **state)
{
	struct tree *a = new_tree(), *b = new_tree();

	(void)state;
	add_file(a, "was-folder/f", 1);
	add_file(b, "was-folder", 2);
	add_file(a, "was-file", 1);
	add_file(b, "was-file/f", 2);
	add_link(a, "was-link", "was-folder");
	add_dir(b, "was-link", 0700);
	add_file(b, "was-link/g", 3);

	AUTO_INDEX struct index *x = merge(a, b);

	assert_int_equal(stat_of(x, "was-folder").st_size, 2);
	assert_int_equal(stat_of(x, "was-file/f").st_size, 2);
	assert_int_equal(stat_of(x, "was-link").st_mode, S_IFDIR | 0700);
	assert_true(has(x, "was-link/g"));
}

static void
an_implied_folder_keeps_what_is_below(void **state)
{
	struct tree *a = new_tree(), *b = new_tree();
	struct node *d = add_dir(a, "d", 01777);
	struct err e;

	(void)state;
	assert_int_equal(tree_set_xattr(a, d, "user.k", "v", 1, &e), 0);
	add_dir(a, "", 0711);
	add_dir(a, "explicit", 0700);
	add_file(b, "d/f", 1);
	add_dir(b, "explicit", 0755);

	AUTO_INDEX struct index *x = merge(a, b);

	assert_int_equal(stat_of(x, "d").st_mode, S_IFDIR | 01777);
	assert_true(has_xattr(x, "d", "user.k"));
	assert_false(index_is_implied(x, find(x, "d")));
	assert_int_equal(stat_of(x, "").st_mode, S_IFDIR | 0711);
	assert_int_equal(stat_of(x, "explicit").st_mode, S_IFDIR | 0755);
}

/* As containerd and podman have it, who unpack each layer alone. */
static void
an_implied_folder_hides_a_link_below_it(void **state)
{
	struct tree *a = new_tree(), *b = new_tree();

	(void)state;
	add_file(a, "usr/lib/old", 1);
	add_file(a, "usr/lib/x/shown", 1);
	add_link(a, "lib", "usr/lib");
	add_link(a, "dangling", "/made/here");
	add_link(a, "to-file", "usr/lib/old");
	add_file(b, "lib/new", 2);
	add_whiteout(b, "lib/x");
	add_file(b, "dangling/f", 3);
	add_file(b, "to-file/f", 5);

	AUTO_INDEX struct index *x = merge(a, b);

	assert_true(S_ISDIR(stat_of(x, "lib").st_mode));
	assert_true(has(x, "lib/new") && !has(x, "lib/old"));
	assert_true(has(x, "usr/lib/old") && has(x, "usr/lib/x/shown"));
	assert_false(has(x, "usr/lib/new") || has(x, "lib/x"));
	assert_true(has(x, "dangling/f") && !has(x, "made"));
	assert_true(has(x, "to-file/f"));
}

static void
what_a_layer_hides_is_not_its_own(void **state)
{
	struct tree *a = new_tree(), *b = new_tree();

	(void)state;
	add_file(a, "d/old", 1);
	add_link(b, "a", "d");
	add_file(b, "a/new", 2); /* into d, before d itself comes */
	add_dir(b, "d", 0755);
	add_opaque(b, "d");

	AUTO_INDEX struct index *x = merge(a, b);

	assert_false(has(x, "d/old"));
	assert_true(has(x, "d/new"));
}

static void
hard_links_stay_one_inode_with_their_layers_count(void **state)
{
	struct tree *a = new_tree(), *b = new_tree();

	(void)state;
	add_file(a, "one", 1);
	add_hard(a, "two", "one");
	add_hard(a, "three", "one");
	add_whiteout(b, "two");
	add_file(b, "three", 2);

	AUTO_INDEX struct index *x = merge(a, b);

	assert_int_equal(stat_of(x, "one").st_nlink, 3);
	assert_int_equal(stat_of(x, "three").st_nlink, 1);

	struct tree *c = new_tree(), *d = new_tree();

	add_file(c, "one", 1);
	add_hard(c, "two", "one");

	AUTO_INDEX struct index *y = merge(c, d);

	assert_int_equal(find(y, "one"), find(y, "two"));
	assert_int_equal(stat_of(y, "one").st_nlink, 2);
}

static void
equal_nids_of_two_layers_are_two_inodes(void **state)
{
	struct tree *a = new_tree(), *b = new_tree();

	(void)state;
	add_file(a, "a", 1);
	add_hard(a, "b", "a");
	add_file(b, "c", 2);
	add_hard(b, "d", "c");

	AUTO_INDEX struct index *x = merge(a, b);

	assert_int_equal(stat_of(x, "b").st_size, 1);
	assert_int_equal(stat_of(x, "d").st_size, 2);
}

static void
attributes_of_every_kind_are_kept(void **state)
{
	struct tree *a = new_tree();
	struct node_attr device = {
		.mode = S_IFBLK | 0660,
		.uid = UINT32_MAX - 1,
		.gid = 7,
		.mtime_s = -5,
		.mtime_ns = 999999999,
		.rdev = makedev(4095, 1048575),
	};
	const char *target;
	struct stat st;
	size_t len;

	(void)state;
	add_attr(a, "dev", &device);
	add_link(a, "l", "target");

	AUTO_INDEX struct index *x = merge(a, new_tree());

	st = stat_of(x, "dev");
	assert_int_equal(st.st_mode, device.mode);
	assert_int_equal(st.st_uid, device.uid);
	assert_int_equal(st.st_gid, 7);
	assert_int_equal(st.st_mtim.tv_sec, -5);
	assert_int_equal(st.st_mtim.tv_nsec, 999999999);
	assert_int_equal(st.st_rdev, device.rdev);
	assert_true(index_read_link(x, find(x, "l"), &target, &len));
	assert_int_equal(len, 6);
	assert_memory_equal(target, "target", 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_layers_are_an_empty_tree),
		cmocka_unit_test(entries_of_both_layers_are_there),
		cmocka_unit_test(a_whiteout_hides_and_is_gone),
		cmocka_unit_test(an_opaque_folder_hides_only_what_is_below),
		cmocka_unit_test(an_opaque_root_hides_everything),
		cmocka_unit_test(a_folder_in_a_whiteouts_place_starts_empty),
		cmocka_unit_test(files_and_folders_replace_each_other),
		cmocka_unit_test(an_implied_folder_keeps_what_is_below),
		cmocka_unit_test(an_implied_folder_hides_a_link_below_it),
		cmocka_unit_test(what_a_layer_hides_is_not_its_own),
		cmocka_unit_test(
		    hard_links_stay_one_inode_with_their_layers_count),
		cmocka_unit_test(equal_nids_of_two_layers_are_two_inodes),
		cmocka_unit_test(attributes_of_every_kind_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
