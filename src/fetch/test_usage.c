#include <errno.h>
#include <unistd.h>

#include "fetch/fetch.h"
#include "fetch/fixture.h"
#include "fetch/usage.h"
#include "base/limits.h"
#include "base/metrics.h"
#include "base/test.h"

static const struct fetcher_options usual = { .decode_threads = 1 };

static struct fixture *
two_files(unsigned n_sources)
{
	struct fixture *f = fixture_new();

	for (int i = 0; i < 2; i++)
		fixture_add(f, KIB(200), KIB(200), CHUNK_RAW);
	fixture_open(f, &usual, n_sources);
	return f;
}

static struct blob_usage
usage_of(struct fixture *f)
{
	struct blob_usage u = { 0 };

	blob_add_usage(f->blob, &u);
	return u;
}

/* A read is over with its last byte, the request with its end: a moment later. */
static struct blob_usage
usage_of_answered(struct fixture *f)
{
	struct blob_usage u = usage_of(f);

	for (int ms = 0; ms < 20000 && u.failing_since_s != 0; ms++) {
		usleep(1000);
		u = usage_of(f);
	}
	return u;
}

static void
a_blob_knows_what_it_cost(void **state)
{
	struct fixture *f = two_files(1);
	struct timing_counts before, after;
	uint64_t waits = 0;
	struct blob_usage u;

	(void)state;
	timing_get(TIMING_read_wait, &before);
	assert_int_equal(fixture_want(f, 0), 0);
	assert_int_equal(fixture_want(f, 1), 0);
	assert_int_equal(fixture_want(f, 1), 0);
	timing_get(TIMING_read_wait, &after);
	u = usage_of(f);
	assert_int_equal(u.requests, fake_count(f->fakes[0]));
	assert_true(u.bytes >= KIB(400) - KIB(200) && u.bytes <= KIB(400));
	assert_true(u.waits >= 1 && u.waits <= 2);
	assert_true(u.waited_ns > 0);
	assert_int_equal(u.waiting, 0);
	assert_int_equal(u.failing_since_s, 0);
	for (int b = 0; b < TIMING_BUCKETS; b++)
		waits += after.buckets[b] - before.buckets[b];
	assert_int_equal(waits, u.waits);
	fixture_close(f);
}

static void
who_waits_is_counted_and_for_how_long(void **state)
{
	struct fixture *f = two_files(1);
	struct fetcher_usage all;
	struct blob_usage u;
	struct waited w;

	(void)state;
	fake_hold(f->fakes[0]);
	waited_start(&w, f, 0, 0, 4096, SOURCE_NOW, 0);
	fake_await(f->fakes[0], 1);
	usleep(2000);
	u = usage_of(f);
	assert_int_equal(u.waiting, 1);
	assert_true(u.oldest_wait_ns >= 2000000);
	fetcher_get_usage(f->fetcher, &all);
	assert_int_equal(all.waiting, 1);
	assert_int_equal(all.running[SOURCE_NOW], 1);
	assert_true(all.coming > 0);
	fake_release(f->fakes[0]);
	assert_int_equal(waited_end(&w), 0);
	assert_int_equal(usage_of(f).waiting, 0);
	do {
		usleep(1000);
		fetcher_get_usage(f->fetcher, &all);
	} while (all.coming > 0);
	assert_true(fixture_has(f, 0));
	fixture_close(f);
}

static void
a_blob_fails_from_its_first_failure_to_its_next_answer(void **state)
{
	struct fixture *f = two_files(1);
	struct blob_usage u;

	(void)state;
	fake_answer(f->fakes[0], (struct fake_answer){ .code = EAGAIN });
	assert_int_equal(fixture_want(f, 0), EAGAIN);
	u = usage_of(f);
	assert_true(u.failing_since_s > 0);
	assert_string_not_equal(u.why, "");
	fake_answer(f->fakes[0], (struct fake_answer){ 0 });
	assert_int_equal(fixture_want(f, 0), 0);
	u = usage_of_answered(f);
	assert_int_equal(u.failing_since_s, 0);
	assert_string_equal(u.why, "");
	fixture_close(f);
}

static void
one_source_that_answers_is_enough(void **state)
{
	struct fixture *f = two_files(2);

	(void)state;
	fake_answer(f->fakes[0], (struct fake_answer){ .code = EAGAIN });
	assert_int_equal(fixture_want(f, 0), 0);
	assert_int_equal(usage_of(f).failing_since_s, 0);
	fixture_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_blob_knows_what_it_cost),
		cmocka_unit_test(who_waits_is_counted_and_for_how_long),
		cmocka_unit_test(
		    a_blob_fails_from_its_first_failure_to_its_next_answer),
		cmocka_unit_test(one_source_that_answers_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
