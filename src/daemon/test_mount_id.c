/* Ids of mounts grow, whatever the clock says. */
#include <string.h>

#include "daemon/mount_id.h"
#include "base/test.h"

enum { NOW_US = 1700000000, DAY_US = 86400000 };

static void
an_id_is_sixteen_digits_of_time_and_chance(void **state)
{
	struct mount_ids ids = { 0 };
	char id[ATTACHMENT_ID_SIZE];

	(void)state;
	mount_ids_next(&ids, 0xabc, 0xffff, id);
	assert_string_equal(id, "0000000000abcffe");
}

static void
ids_of_one_moment_differ_and_grow(void **state)
{
	struct mount_ids ids = { 0 };
	char first[ATTACHMENT_ID_SIZE], second[ATTACHMENT_ID_SIZE];

	(void)state;
	mount_ids_next(&ids, NOW_US, 0xffff, first);
	mount_ids_next(&ids, NOW_US, 0, second);
	assert_true(strcmp(second, first) > 0);
}

static void
a_clock_that_is_set_back_makes_no_id_smaller(void **state)
{
	struct mount_ids ids = { 0 };
	char first[ATTACHMENT_ID_SIZE], second[ATTACHMENT_ID_SIZE];

	(void)state;
	mount_ids_next(&ids, NOW_US, 0xffff, first);
	mount_ids_next(&ids, NOW_US - DAY_US, 0, second);
	assert_true(strcmp(second, first) > 0);
}

static void
a_worker_goes_on_after_the_newest_id_that_was_noted(void **state)
{
	struct mount_ids before = { 0 }, after = { 0 };
	char old[ATTACHMENT_ID_SIZE], older[ATTACHMENT_ID_SIZE];
	char id[ATTACHMENT_ID_SIZE];

	(void)state;
	mount_ids_next(&before, NOW_US - 1, 0, older);
	mount_ids_next(&before, NOW_US, 0xffff, old);
	mount_ids_note(&after, old);
	mount_ids_note(&after, older);
	mount_ids_next(&after, NOW_US - DAY_US, 0, id);
	assert_true(strcmp(id, old) > 0);
}

static void
no_time_makes_an_id_longer(void **state)
{
	struct mount_ids ids = { 0 };
	char id[ATTACHMENT_ID_SIZE];

	(void)state;
	mount_ids_next(&ids, UINT64_MAX / 1000, 0, id);
	assert_int_equal(strlen(id), 16);
}

static void
a_showing_has_no_attachments_id(void **state)
{
	struct mount_ids ids = { 0 };
	char id[ATTACHMENT_ID_SIZE], showing[ATTACHMENT_ID_SIZE];

	(void)state;
	mount_ids_next(&ids, NOW_US, 0xffff, id);
	mount_id_of_showing(id, showing);
	assert_int_equal(strlen(showing), 16);
	assert_memory_equal(showing, id, 15);
	assert_int_equal(showing[15], id[15] + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_sixteen_digits_of_time_and_chance),
		cmocka_unit_test(ids_of_one_moment_differ_and_grow),
		cmocka_unit_test(a_clock_that_is_set_back_makes_no_id_smaller),
		cmocka_unit_test(
		    a_worker_goes_on_after_the_newest_id_that_was_noted),
		cmocka_unit_test(no_time_makes_an_id_longer),
		cmocka_unit_test(a_showing_has_no_attachments_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
