/* What outlives the process, and what the kernel. */
#include <errno.h>
#include <sys/stat.h>

#include "store/testing_bytes.h"

static void
all_that_was_present_outlives_the_process(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	struct store_usage u;

	put(s, 70 * B, 10 * B, false);
	store_close(s);
	s = open_at(*(int *)*state, "boot 1");
	assert_holds(s, 70 * B, 10 * B);
	store_usage(s, &u);
	assert_int_equal(u.present_bytes, 10 * B);
	store_close(s);
}

static void
only_what_was_synced_outlives_the_kernel(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	struct err e;

	put(s, 0, 10 * B, false);
	OK(store_sync(s, &e));
	put(s, 10 * B, 10 * B, false);
	store_close(s);
	s = open_at(*(int *)*state, "boot 2");
	assert_int_equal(store_present_run(s, 0, 20 * B), 10 * B);
	assert_holds(s, 0, 10 * B);
	store_close(s);
}

static void
a_later_process_syncs_what_the_first_left(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	struct err e;

	put(s, 3 * B, 2 * B, false);
	store_close(s);
	s = open_at(*(int *)*state, "boot 1");
	OK(store_sync(s, &e));
	store_close(s);
	s = open_at(*(int *)*state, "boot 2");
	assert_true(store_has(s, 3 * B, 2 * B));
	store_close(s);
}

static void
what_was_dropped_after_a_sync_is_not_durable(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	struct err e;

	put(s, 0, 8 * B, false);
	OK(store_sync(s, &e));
	OK(store_drop(s, 2 * B, B, &e));
	store_close(s);
	s = open_at(*(int *)*state, "boot 2");
	assert_int_equal(store_present_run(s, 0, 8 * B), 2 * B);
	assert_true(store_has(s, 3 * B, 5 * B));
	store_close(s);
}

static void
an_unknown_boot_is_another_boot(void **state)
{
	struct store *s = open_at(*(int *)*state, "");

	put(s, 0, B, false);
	store_close(s);
	s = open_at(*(int *)*state, "");
	assert_false(store_has(s, 0, 1));
	store_close(s);
}

static void
edges_are_forgotten_with_the_process(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");

	put(s, 0, 100, false);
	store_close(s);
	s = open_at(*(int *)*state, "boot 1");
	put(s, 100, B - 100, false);
	assert_false(store_has(s, 0, B));
	put(s, 0, 100, false);
	assert_holds(s, 0, B);
	store_close(s);
}

static void
without_its_data_nothing_is_present(void **state)
{
	int root = *(int *)*state;
	struct store *s = open_at(root, "boot 1");
	struct err e;

	put(s, 0, 4 * B, false);
	OK(store_sync(s, &e));
	store_close(s);
	assert_int_equal(unlinkat(root, "data", 0), 0);
	s = open_at(root, "boot 1");
	assert_false(store_has(s, 0, 1));
	store_close(s);
	s = open_at(root, "boot 2");
	assert_false(store_has(s, 0, 1));
	store_close(s);
}

static void
data_cut_short_counts_for_nothing(void **state)
{
	struct store *s = open_at(*(int *)*state, "boot 1");
	struct err e;

	put(s, 0, 400 * B, false);
	OK(store_sync(s, &e));
	assert_int_equal(ftruncate(s->data, 300 * B), 0);
	store_close(s);
	s = open_at(*(int *)*state, "boot 1");
	assert_false(store_has(s, 0, 1));
	store_close(s);
}

static void
a_damaged_present_falls_back_to_durable(void **state)
{
	int root = *(int *)*state;
	struct store *s = open_at(root, "boot 1");
	struct err e;

	put(s, 0, B, false);
	OK(store_sync(s, &e));
	put(s, B, B, false);
	assert_int_equal(ftruncate(s->present.now.fd, 100), 0);
	/* The mapping is no longer touched: unmap without reading. */
	store_close(s);
	s = open_at(root, "boot 1");
	assert_int_equal(store_present_run(s, 0, 2 * B), B);
	store_close(s);
}

#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(all_that_was_present_outlives_the_process),
		IN_FOLDER(only_what_was_synced_outlives_the_kernel),
		IN_FOLDER(a_later_process_syncs_what_the_first_left),
		IN_FOLDER(what_was_dropped_after_a_sync_is_not_durable),
		IN_FOLDER(an_unknown_boot_is_another_boot),
		IN_FOLDER(edges_are_forgotten_with_the_process),
		IN_FOLDER(without_its_data_nothing_is_present),
		IN_FOLDER(data_cut_short_counts_for_nothing),
		IN_FOLDER(a_damaged_present_falls_back_to_durable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
