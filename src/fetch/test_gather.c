/* Several ranges in one request: of a host that is known to send them, for what
 * nobody waits for. */
#include <errno.h>

#include "fetch/fixture.h"
#include "fetch/gather.h"
#include "base/limits.h"
#include "base/test.h"

/* Files: 4 of 8 KiB, then others: two of those leave a gap that nobody reads
 * through; then large ones.  The first of what is asked for goes alone. */
enum {
	NEAR = 4,
	FAR = 62,
	LARGE = 6,
	FAR_BYTES = 40 << 10,
	LARGE_BYTES = 3 << 19
};
enum { ALONE = NEAR + FAR - 1, ALONE_TOO = NEAR, FIRST_LARGE = NEAR + FAR };

static const struct fetcher_options one_request = {
	.decode_threads = 1,
	.max_requests = 1,
};

struct asked {
	unsigned alone; /* a request of its own, meanwhile the rest is queued */
	const unsigned *files;
	unsigned n;
	const struct fake_answer *answer; /* the rest's first; or NULL */
};

/* The first failure's code. */
static int
fetch(struct fixture *f, const struct asked *a)
{
	struct waited first, w[16];
	struct fake *fake = f->fakes[0];
	unsigned count = fake_count(fake);
	int code = 0;

	fake_hold(fake);
	waited_start(&first, f, a->alone, 0, 1, SOURCE_SOON, 0);
	fake_await(fake, count + 1);
	if (a->answer != NULL)
		fake_answer_next(fake, *a->answer);
	for (unsigned i = 0; i < a->n; i++)
		waited_start(&w[i], f, a->files[i], 0, 1, SOURCE_SOON, 0);
	fake_release(fake);
	assert_int_equal(waited_end(&first), 0);
	for (unsigned i = 0; i < a->n; i++) {
		int one = waited_end(&w[i]);

		if (code == 0)
			code = one;
	}
	fake_await_end(fake);
	return code;
}

/* Its second request has shown whether several ranges can be had. */
static struct fixture *
open_files(bool gives_parts)
{
	static const unsigned near[] = { 0, 2 };
	struct fixture *f = fixture_new();

	for (unsigned i = 0; i < NEAR; i++)
		fixture_add(f, KIB(8), KIB(8), CHUNK_RAW);
	for (unsigned i = 0; i < FAR; i++)
		fixture_add(f, FAR_BYTES, FAR_BYTES, CHUNK_RAW);
	for (unsigned i = 0; i < LARGE; i++)
		fixture_add(f, LARGE_BYTES, LARGE_BYTES, CHUNK_RAW);
	fixture_open(f, &one_request, 1);
	if (gives_parts)
		fake_set_parts(f->fakes[0]);
	assert_int_equal(fetch(f, &(struct asked){ ALONE, near, 2, NULL }), 0);
	assert_int_equal(fake_count(f->fakes[0]), 2);
	assert_int_equal(fake_request(f->fakes[0], 1).len, KIB(24));
	assert_int_equal(fake_request(f->fakes[0], 1).wanted, KIB(16));
	return f;
}

static int
fetch_far(struct fixture *f, const unsigned *files, unsigned n,
    const struct fake_answer *answer)
{
	return fetch(f, &(struct asked){ ALONE_TOO, files, n, answer });
}

static uint64_t
far_off(unsigned file)
{
	return NEAR * KIB(8) + (file - NEAR) * (uint64_t)FAR_BYTES;
}

static void
what_is_read_next_comes_with_it_wherever_it_lies(void **s)
{
	static const unsigned order[] = { 40, 10, 50, 51, 30, 20, 60, 15, 25,
		35 };
	struct fixture *f = open_files(true);
	struct fake_request r;

	(void)s;
	assert_int_equal(fetch_far(f, order, 10, NULL), 0);
	assert_int_equal(fake_count(f->fakes[0]), 5);
	r = fake_request(f->fakes[0], 3);
	assert_int_equal(r.off, far_off(10));
	assert_int_equal(r.off + r.len, far_off(61));
	assert_int_equal(r.wanted, (GATHER_SPANS + 1) * FAR_BYTES);
	assert_int_equal(fake_request(f->fakes[0], 4).off, far_off(35));
	assert_int_equal(fake_request(f->fakes[0], 4).wanted, FAR_BYTES);
	for (unsigned i = ALONE_TOO + 1; i < ALONE; i++) {
		bool is_asked = false;

		for (unsigned k = 0; k < 10; k++)
			is_asked |= order[k] == i;
		assert_int_equal(fixture_has(f, i), is_asked);
		if (is_asked)
			assert_true(fixture_is_right(f, i, 0, FAR_BYTES));
	}
	fixture_close(f);
}

static void
small_gaps_are_read_through(void **s)
{
	static const unsigned order[] = { 10, 12, 30 };
	struct fixture *f = open_files(true);
	struct fake_request r;

	(void)s;
	assert_int_equal(fetch_far(f, order, 3, NULL), 0);
	r = fake_request(f->fakes[0], 3);
	assert_int_equal(r.off, far_off(10));
	assert_int_equal(r.off + r.len, far_off(31));
	assert_int_equal(r.wanted, 4 * FAR_BYTES);
	assert_int_equal(fake_count(f->fakes[0]), 4);
	fixture_close(f);
}

static void
only_what_is_wanted_counts_and_no_more_than_4_mib(void **s)
{
	static const unsigned order[] = { FIRST_LARGE, FIRST_LARGE + 4,
		FIRST_LARGE + 2, 20 };
	struct fixture *f = open_files(true);
	struct fake_request r;

	(void)s;
	assert_int_equal(fetch_far(f, order, 4, NULL), 0);
	assert_int_equal(fake_count(f->fakes[0]), 5);
	r = fake_request(f->fakes[0], 3);
	assert_int_equal(r.off, far_off(20));
	assert_int_equal(r.wanted, 2 * LARGE_BYTES + FAR_BYTES);
	assert_int_equal(fake_request(f->fakes[0], 4).wanted, LARGE_BYTES);
	fixture_close(f);
}

static void
where_it_cannot_be_had_each_range_is_a_request(void **s)
{
	static const unsigned order[] = { 40, 10, 12, 50 };
	struct fixture *f = open_files(false);

	(void)s;
	assert_int_equal(fetch_far(f, order, 4, NULL), 0);
	assert_int_equal(fake_count(f->fakes[0]), 6);
	for (unsigned i = 2; i < 6; i++) {
		struct fake_request r = fake_request(f->fakes[0], i);

		assert_int_equal(r.len, r.wanted);
	}
	fixture_close(f);
}

static void
a_reader_gets_one_range(void **s)
{
	struct fixture *f = open_files(true);
	struct fake_request r;

	(void)s;
	assert_int_equal(fixture_want(f, 30), 0);
	r = fake_request(f->fakes[0], 2);
	assert_int_equal(r.priority, SOURCE_NOW);
	assert_int_equal(r.len, r.wanted);
	fixture_close(f);
}

/* The gaps between the pieces are no bytes of theirs, wherever it breaks off. */
static void
what_came_before_a_failure_stays_and_the_rest_comes_again(void **s)
{
	static const unsigned order[] = { 10, 20, 30, 40 };

	(void)s;
	for (uint64_t at = 0; at <= 4; at++) {
		const struct fake_answer breaks = { .code = EAGAIN,
			.bytes = at * FAR_BYTES - (at > 0 ? 5 : 0) };
		struct fixture *f = open_files(true);

		assert_int_equal(fetch_far(f, order, 4, &breaks), EAGAIN);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(fixture_has(f, order[i]), i + 1 < at);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(fixture_want(f, order[i]), 0);
		for (unsigned i = 0; i < 4; i++)
			assert_true(
			    fixture_is_right(f, order[i], 0, FAR_BYTES));
		fixture_close(f);
	}
}

static void
wrong_bytes_among_several_ranges_are_fetched_again(void **s)
{
	static const unsigned order[] = { 10, 20, 30, 40 };
	static const struct fake_answer wrong = { .is_wrong = true };
	struct fixture *f = open_files(true);

	(void)s;
	assert_int_equal(fetch_far(f, order, 4, &wrong), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_true(fixture_is_right(f, order[i], 0, FAR_BYTES));
	fixture_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_read_next_comes_with_it_wherever_it_lies),
		cmocka_unit_test(small_gaps_are_read_through),
		cmocka_unit_test(
		    only_what_is_wanted_counts_and_no_more_than_4_mib),
		cmocka_unit_test(
		    where_it_cannot_be_had_each_range_is_a_request),
		cmocka_unit_test(a_reader_gets_one_range),
		cmocka_unit_test(
		    what_came_before_a_failure_stays_and_the_rest_comes_again),
		cmocka_unit_test(
		    wrong_bytes_among_several_ranges_are_fetched_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
