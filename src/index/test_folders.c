/* Folders, as they are written and read. */
#include <stdio.h>

#include "index/test_support.h"

static void
an_empty_folder_has_its_dots(void **state)
{
	AUTO_INDEX struct index *x = open_tree(new_tree());

	(void)state;
	assert_int_equal(read_all(x, INDEX_ROOT), 2);
	assert_int_equal(find(x, "."), INDEX_ROOT);
	assert_int_equal(find(x, ".."), INDEX_ROOT);
}

static void
the_dots_are_sorted_like_any_name(void **state)
{
	struct tree *t = new_tree();
	struct index_entry n;
	uint64_t cookie = 0;
	const char *names[] = { "\x01", "-", ".", "..", "...", "..a", ".a", "a",
		"\x80" };

	(void)state;
	for (int i = 8; i >= 0; i--)
		if (i != 2 && i != 3)
			add_file(t, names[i], 1);

	AUTO_INDEX struct index *x = open_tree(t);

	for (int i = 0; i < 9; i++) {
		assert_true(index_read_dir(x, INDEX_ROOT, &cookie, &n));
		assert_int_equal(n.name_len, strlen(names[i]));
		assert_memory_equal(n.name, names[i], n.name_len);
	}
	assert_int_equal(read_all(x, INDEX_ROOT), 9);
}

/* A folder d whose entries take exactly `bytes` on disk. */
static struct tree *
tree_of_folder(unsigned bytes)
{
	struct tree *t = new_tree();
	unsigned left = bytes - (12 + 1) - (12 + 2);

	for (unsigned i = 0; left > 0; i++) {
		/* Names of 88 make entries of 100; the last takes the rest. */
		unsigned len = (left >= 200 ? 100 : left) - 12;
		char path[300];

		snprintf(path, sizeof path, "d/%0*u", (int)len, i);
		add_file(t, path, 1);
		left -= len + 12;
	}
	return t;
}

static void
blocks_are_filled_to_the_last_byte(void **state)
{
	(void)state;
	/* Around where the tail stops to fit behind the inode, one block, and
	 * two. */
	const unsigned middles[] = { 4096 - 64, 4096, 8192 };

	for (int m = 0; m < 3; m++) {
		for (unsigned b = middles[m] - 2; b <= middles[m] + 2; b++) {
			AUTO_INDEX struct index *x =
			    open_tree(tree_of_folder(b));
			struct index_totals n;

			index_totals(x, &n);
			assert_int_equal(read_all(x, find(x, "d")), n.inodes);
		}
	}
}

static void
a_large_folder_is_found_by_halves(void **state)
{
	struct tree *t = new_tree();
	char name[16];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof name, "%d", i * 7919 % 20000);
		add_file(t, name, i * 7919 % 20000);
	}

	AUTO_INDEX struct index *x = open_tree(t);

	assert_int_equal(read_all(x, INDEX_ROOT), 20002);
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof name, "%d", i);
		assert_int_equal(stat_of(x, name).st_size, i);
	}
	assert_false(
	    has(x, "20000") || has(x, "00") || has(x, "!") || has(x, "x"));
	assert_int_equal(index_lookup(x, INDEX_ROOT, "", 0), 0);
}

static void
a_cookie_is_good_at_any_time_and_a_bad_one_harmless(void **state)
{
	struct tree *t = new_tree();
	char name[64];
	struct index_entry n, again;
	uint64_t cookie = 0, kept,
		 bad[] = { 511, 1 << 9, UINT64_MAX, 1ull << 63, 200 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "%050d", i);
		add_file(t, name, 1);
	}

	AUTO_INDEX struct index *x = open_tree(t);

	for (int i = 0; i < 90; i++)
		assert_true(index_read_dir(x, INDEX_ROOT, &cookie, &n));
	kept = cookie;
	assert_true(index_read_dir(x, INDEX_ROOT, &cookie, &n));
	assert_true(index_read_dir(x, INDEX_ROOT, &kept, &again));
	assert_ptr_equal(n.name, again.name);
	bad[1] = 9 << 9; /* past the last block */
	for (int i = 0; i < 5; i++)
		assert_false(index_read_dir(x, INDEX_ROOT, &bad[i], &n));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_folder_has_its_dots),
		cmocka_unit_test(the_dots_are_sorted_like_any_name),
		cmocka_unit_test(blocks_are_filled_to_the_last_byte),
		cmocka_unit_test(a_large_folder_is_found_by_halves),
		cmocka_unit_test(
		    a_cookie_is_good_at_any_time_and_a_bad_one_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
