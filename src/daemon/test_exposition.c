#include <errno.h>
#include <string.h>

#include "daemon/exposition.h"
#include "base/bytes.h"
#include "base/metrics.h"
#include "base/test.h"

static void
a_family_says_what_it_is_and_then_its_samples(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT(4096);
	const struct label labels[] = { { "host", "h:1" }, { "how", "done" } };
	struct exposition x;
	struct err e;

	(void)state;
	exposition_init(&x, &b);
	exposition_begin(&x, "a_total", "counter", "what it means");
	exposition_add(&x, labels, 2, 12);
	exposition_add(&x, NULL, 0, 0.5);
	assert_int_equal(exposition_end(&x, &e), 0);
	assert_string_equal(buf_str(&b),
	    "# HELP a_total what it means\n"
	    "# TYPE a_total counter\n"
	    "a_total{host=\"h:1\",how=\"done\"} 12\n"
	    "a_total 0.5\n");
}

static void
no_value_ends_its_quotes_or_its_line(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT(4096);
	const struct label bad = { "l", "a\"b\\c\nd\xff\xc3\xbc" };
	struct exposition x;
	struct err e;

	(void)state;
	exposition_init(&x, &b);
	exposition_begin(&x, "m", "gauge", "h");
	b.len = 0;
	exposition_add(&x, &bad, 1, 1);
	assert_int_equal(exposition_end(&x, &e), 0);
	assert_string_equal(
	    buf_str(&b), "m{l=\"a\\\"b\\\\c\\nd?\xc3\xbc\"} 1\n");
}

static void
whole_numbers_are_whole_as_far_as_they_are_exact(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT(4096);
	struct exposition x;
	struct err e;

	(void)state;
	exposition_init(&x, &b);
	exposition_begin(&x, "m", "gauge", "h");
	b.len = 0;
	exposition_add(&x, NULL, 0, 1234567890123);
	exposition_add(&x, NULL, 0, (double)UINT64_MAX);
	assert_int_equal(exposition_end(&x, &e), 0);
	assert_string_equal(buf_str(&b), "m 1234567890123\nm 1.84467441e+19\n");
}

static void
buckets_of_a_histogram_are_summed_up(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT(4096);
	struct timing_counts counts = { .buckets = { 1, 2 },
		.total_ns = 1500000000 };
	struct exposition x;
	struct err e;

	(void)state;
	counts.buckets[TIMING_BUCKETS - 1] = 4;
	exposition_init(&x, &b);
	exposition_begin(&x, "t_seconds", "histogram", "h");
	exposition_add_timing(&x, &counts);
	assert_int_equal(exposition_end(&x, &e), 0);
	assert_non_null(
	    strstr(buf_str(&b), "t_seconds_bucket{le=\"0.001\"} 1\n"
				"t_seconds_bucket{le=\"0.002\"} 3\n"
				"t_seconds_bucket{le=\"0.005\"} 3\n"));
	assert_non_null(strstr(buf_str(&b), "t_seconds_bucket{le=\"30\"} 3\n"
					    "t_seconds_bucket{le=\"+Inf\"} 7\n"
					    "t_seconds_sum 1.5\n"
					    "t_seconds_count 7\n"));
}

static void
what_does_not_fit_fails_at_the_end(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT(40);
	struct exposition x;
	struct err e;

	(void)state;
	exposition_init(&x, &b);
	exposition_begin(&x, "m", "gauge", "h");
	for (int i = 0; i < 100; i++)
		exposition_add(&x, NULL, 0, i);
	assert_fails(exposition_end(&x, &e), e, E2BIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_says_what_it_is_and_then_its_samples),
		cmocka_unit_test(no_value_ends_its_quotes_or_its_line),
		cmocka_unit_test(
		    whole_numbers_are_whole_as_far_as_they_are_exact),
		cmocka_unit_test(buckets_of_a_histogram_are_summed_up),
		cmocka_unit_test(what_does_not_fit_fails_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
