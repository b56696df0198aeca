/* Fills, and the background's budget. */
#include <errno.h>

#include "fetch/fetch.h"
#include "fetch/fixture.h"
#include "base/limits.h"
#include "base/test.h"

static const struct fetcher_options usual = { .decode_threads = 2 };

static void
a_fill_brings_the_whole_blob(void **s)
{
	struct fixture *f = fixture_new();
	struct waited w;

	(void)s;
	for (unsigned i = 0; i < 100; i++)
		fixture_add(f, 1000 * i + 1, 30000, CHUNK_ZSTD);
	fixture_open(f, &usual, 1);
	waited_fill(&w, f, 0, f->bytes.len, SOURCE_SOON);
	assert_int_equal(waited_end(&w), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_true(fixture_is_right(f, i, 0, 1000 * i + 1));
	assert_int_equal(w.fill.done_bytes, f->bytes.len);
	assert_true(fake_count(f->fakes[0]) <= 4);
	/* Again: nothing to do. */
	waited_fill(&w, f, 0, f->bytes.len, SOURCE_SOON);
	assert_int_equal(waited_end(&w), 0);
	assert_true(fake_count(f->fakes[0]) <= 4);
	fixture_close(f);
}

static void
a_fill_of_a_part_brings_that_part(void **s)
{
	struct fixture *f = fixture_far_files(10, &usual, 1);
	struct waited w;

	(void)s;
	waited_fill(&w, f, KIB(400), KIB(800), SOURCE_SOON);
	assert_int_equal(waited_end(&w), 0);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(fixture_has(f, i), i == 2 || i == 3);
	assert_int_equal(w.fill.done_bytes, KIB(400));
	fixture_close(f);
}

static void
a_fill_goes_on_past_a_failure_and_tells_it(void **s)
{
	struct fixture *f = fixture_far_files(10, &usual, 1);
	struct waited w;

	(void)s;
	f->bytes.data[KIB(500)] ^= 1;
	waited_fill(&w, f, 0, f->bytes.len, SOURCE_SOON);
	assert_int_equal(waited_end(&w), EBADMSG);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(fixture_has(f, i), i != 2);
	fixture_close(f);
}

static void
a_cancelled_fill_ends_soon(void **s)
{
	struct fixture *f = fixture_far_files(10, &usual, 1);
	struct waited w;

	(void)s;
	fake_hold(f->fakes[0]);
	waited_fill(&w, f, 0, f->bytes.len, SOURCE_SOON);
	w.fill.is_cancelled = true;
	assert_int_equal(waited_end(&w), ECANCELED);
	fixture_close(f);
}

static void
the_background_needs_a_budget(void **s)
{
	struct fixture *f = fixture_far_files(2, &usual, 1);
	struct waited w;

	(void)s;
	waited_fill(&w, f, 0, f->bytes.len, SOURCE_IDLE);
	assert_int_equal(waited_end(&w), ENOTSUP);
	waited_start(&w, f, 0, 0, 1, SOURCE_IDLE, 0);
	assert_int_equal(waited_end(&w), ENOTSUP);
	fixture_close(f);
}

static void
the_background_fills_within_its_budget(void **s)
{
	const struct fetcher_options o = { .idle_bytes_per_s = MIB(64) };
	struct fixture *f = fixture_far_files(30, &o, 1);
	struct waited w;

	(void)s;
	waited_fill(&w, f, 0, f->bytes.len, SOURCE_IDLE);
	assert_int_equal(waited_end(&w), 0);
	assert_true(fixture_is_right(f, 29, 0, KIB(200)));
	fixture_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fill_brings_the_whole_blob),
		cmocka_unit_test(a_fill_of_a_part_brings_that_part),
		cmocka_unit_test(a_fill_goes_on_past_a_failure_and_tells_it),
		cmocka_unit_test(a_cancelled_fill_ends_soon),
		cmocka_unit_test(the_background_needs_a_budget),
		cmocka_unit_test(the_background_fills_within_its_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
