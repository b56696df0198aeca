#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/tally.h"
#include "base/test.h"

static int
set_up(void **state)
{
	static struct tally t;

	tally_init(&t);
	*state = &t;
	return 0;
}

static int
tear_down(void **state)
{
	tally_release(*state);
	return 0;
}

static void
an_answer_is_done_refused_or_failed(void **state)
{
	(void)state;
	assert_int_equal(tally_judge(206, true), TALLY_DONE);
	assert_int_equal(tally_judge(307, true), TALLY_DONE);
	assert_int_equal(tally_judge(401, true), TALLY_REFUSED);
	assert_int_equal(tally_judge(429, true), TALLY_FAILED);
	assert_int_equal(tally_judge(503, true), TALLY_FAILED);
	assert_int_equal(tally_judge(200, false), TALLY_FAILED);
	assert_int_equal(tally_judge(0, true), TALLY_FAILED);
}

static void
counts_are_by_host_without_path_or_query(void **state)
{
	struct tally_row *rows;
	size_t n;

	tally_add(*state, "https://b.example/v2/x?sig=hush", TALLY_DONE, 7);
	tally_add(*state, "https://b.example:443/y", TALLY_DONE, 3);
	tally_add(*state, "http://a.example:5000/z", TALLY_ABANDONED, 1);
	rows = tally_copy(*state, &n);
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].host, "a.example:5000");
	assert_int_equal(rows[0].requests[TALLY_ABANDONED], 1);
	assert_string_equal(rows[1].host, "b.example");
	assert_int_equal(rows[1].requests[TALLY_DONE], 2);
	assert_int_equal(rows[1].bytes, 10);
	free(rows);
}

static int64_t
failing_since(struct tally *t)
{
	size_t n;
	struct tally_row *rows = tally_copy(t, &n);
	int64_t since_s;

	assert_int_equal(n, 1);
	since_s = rows[0].failing_since_s;
	free(rows);
	return since_s;
}

static void
a_host_fails_from_its_first_failure_to_its_next_answer(void **state)
{
	static const char url[] = "http://h/";
	int64_t since_s;

	tally_add(*state, url, TALLY_DONE, 0);
	assert_int_equal(failing_since(*state), 0);
	tally_add(*state, url, TALLY_FAILED, 0);
	since_s = failing_since(*state);
	assert_true(since_s > 0);
	tally_add(*state, url, TALLY_FAILED, 0);
	tally_add(*state, url, TALLY_ABANDONED, 0);
	assert_int_equal(failing_since(*state), since_s);
	tally_add(*state, url, TALLY_REFUSED, 0);
	assert_int_equal(failing_since(*state), 0);
}

static void
hosts_past_the_limit_are_counted_together(void **state)
{
	struct tally_row *rows;
	uint64_t others = 0;
	char url[64];
	size_t n;

	for (int i = 0; i < TALLY_HOSTS + 50; i++) {
		snprintf(url, sizeof url, "http://h%d/", i);
		tally_add(*state, url, TALLY_DONE, 1);
	}
	rows = tally_copy(*state, &n);
	assert_int_equal(n, TALLY_HOSTS + 1);
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].host, "other") == 0)
			others = rows[i].requests[TALLY_DONE];
	assert_int_equal(others, 50);
	free(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_done_refused_or_failed),
		cmocka_unit_test_setup_teardown(
		    counts_are_by_host_without_path_or_query, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    a_host_fails_from_its_first_failure_to_its_next_answer,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    hosts_past_the_limit_are_counted_together, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
