/* What was read, in order, each block once. */
#include <string.h>

#include "layer/trail.h"
#include "base/limits.h"
#include "base/test.h"

static void
assert_range(const struct trail *t, size_t i, uint64_t off, uint64_t len)
{
	assert_true(i < t->n);
	assert_int_equal(t->ranges[i].data_off, off);
	assert_int_equal(t->ranges[i].len, len);
}

static void
reads_are_whole_blocks_in_order(void **state)
{
	struct trail t = { 0 };

	(void)state;
	assert_true(trail_note(&t, 10 * 4096 + 5, 1));
	assert_true(trail_note(&t, 4095, 2));
	assert_int_equal(t.n, 2);
	assert_range(&t, 0, 10 * 4096, 4096);
	assert_range(&t, 1, 0, 8192);
	trail_release(&t);
}

static void
what_follows_the_last_joins_it(void **state)
{
	struct trail t = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(trail_note(&t, i * 8192, 8192));
	assert_int_equal(t.n, 1);
	assert_range(&t, 0, 0, 1000 * 8192);
	trail_release(&t);
}

static void
what_was_read_is_no_news(void **state)
{
	struct trail t = { 0 };

	(void)state;
	assert_true(trail_note(&t, 65536, 65536));
	assert_false(trail_note(&t, 65536, 65536));
	assert_false(trail_note(&t, 70000, 1));
	/* Around it only the rest is. */
	assert_true(trail_note(&t, 65536 - 4096, 65536 + 8192));
	assert_int_equal(t.n, 3);
	assert_range(&t, 1, 65536 - 4096, 4096);
	assert_range(&t, 2, 2 * 65536, 4096);
	trail_release(&t);
}

static void
a_full_trail_forgets_what_comes(void **state)
{
	struct trail t = { 0 };

	(void)state;
	for (uint64_t i = 0; i < LIMIT_PROFILE_ENTRIES; i++)
		assert_true(trail_note(&t, i * 8192, 4096));
	assert_false(trail_note(&t, UINT64_C(1) << 40, 4096));
	assert_int_equal(t.n, LIMIT_PROFILE_ENTRIES);
	trail_release(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_are_whole_blocks_in_order),
		cmocka_unit_test(what_follows_the_last_joins_it),
		cmocka_unit_test(what_was_read_is_no_news),
		cmocka_unit_test(a_full_trail_forgets_what_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
