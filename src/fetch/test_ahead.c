/* Bytes that come before it is known what they are. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/ahead.h"
#include "fetch/fixture.h"
#include "store/map.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/test.h"

static const struct fetcher_options usual = { .decode_threads = 2 };

enum { FILES = 40, SIZE = 100 * 1024 };

static struct fixture *
make_files(void)
{
	struct fixture *f = fixture_new();

	for (unsigned i = 0; i < FILES; i++)
		fixture_add(f, SIZE, 30000, CHUNK_RAW);
	fixture_open(f, &usual, 1);
	return f;
}

/* n ranges, each of one file and `more` bytes of the next. */
static struct ahead *
begin(struct fixture *f, const unsigned *files, unsigned n, uint32_t more)
{
	struct ahead_range *ranges = calloc(n + 1, sizeof *ranges);
	struct source *s = fake_source(f->fakes[0]);
	struct ahead *a;

	for (unsigned i = 0; i < n; i++) {
		ranges[i].blob = *map_blob(f->map, &ranges[i].blob_size);
		ranges[i].blob_off = files[i] * (uint64_t)SIZE;
		ranges[i].len = SIZE + more;
	}
	a = ahead_new(f->fetcher, s, ranges, n);
	assert_non_null(a);
	return a;
}

static void
await(struct fixture *f, unsigned file)
{
	for (uint64_t off = 0; off < SIZE; off += 4096)
		assert_true(fixture_await(f, file, off));
	assert_true(fixture_is_right(f, file, 0, SIZE));
}

static void
what_came_before_the_map_is_stored(void **s)
{
	static const unsigned files[] = { 7, 3 };
	struct fixture *f = make_files();
	struct ahead *a = begin(f, files, 2, 0);

	(void)s;
	fake_await(f->fakes[0], 2);
	assert_int_equal(fake_request(f->fakes[0], 0).off, 7 * SIZE);
	assert_int_equal(fake_request(f->fakes[0], 0).priority, SOURCE_SOON);
	assert_false(fixture_has(f, 7));
	ahead_meet(a, 0, f->blob);
	ahead_end(a);
	await(f, 7);
	await(f, 3);
	assert_int_equal(fake_count(f->fakes[0]), 2);
	fixture_close(f);
}

static void
the_map_may_come_while_the_bytes_do(void **s)
{
	static const unsigned files[] = { 7, 3 };
	struct fixture *f = make_files();
	struct waited w;
	struct ahead *a;

	(void)s;
	fake_set_step(f->fakes[0], 1000);
	fake_hold(f->fakes[0]);
	a = begin(f, files, 2, 0);
	ahead_meet(a, 0, f->blob);
	/* A reader joins what is on its way. */
	waited_start(&w, f, 3, 0, SIZE, SOURCE_NOW, 0);
	fake_release(f->fakes[0]);
	assert_int_equal(waited_end(&w), 0);
	ahead_end(a);
	await(f, 7);
	fixture_close(f);
}

static void
chunks_that_lie_there_in_part_are_left(void **s)
{
	static const unsigned files[] = { 7 };
	struct fixture *f = make_files();
	struct ahead *a = begin(f, files, 1, 30000 + 5);

	(void)s;
	ahead_meet(a, 0, f->blob);
	ahead_end(a);
	await(f, 7);
	assert_true(fixture_await(f, 8, 28671));
	assert_true(fixture_is_right(f, 8, 0, 28672));
	assert_false(fixture_is_right(f, 8, 0, 32768));
	fixture_close(f);
}

static void
more_ranges_than_are_read_at_a_time_all_come(void **s)
{
	struct fixture *f = make_files();
	unsigned files[FILES / 2];
	struct ahead *a;

	(void)s;
	for (unsigned i = 0; i < FILES / 2; i++)
		files[i] = FILES - 2 - 2 * i;
	a = begin(f, files, FILES / 2, 0);
	ahead_meet(a, 0, f->blob);
	for (unsigned i = 0; i < FILES / 2; i++)
		await(f, files[i]);
	ahead_end(a);
	assert_int_equal(fake_count(f->fakes[0]), FILES / 2);
	assert_false(fixture_has(f, 1));
	fixture_close(f);
}

static void
tables_have_room_until_they_have_come(void **s)
{
	struct fixture *f = make_files();
	unsigned files[FILES / 2];
	struct ahead *a;

	(void)s;
	for (unsigned i = 0; i < FILES / 2; i++)
		files[i] = 2 * i;
	fake_hold(f->fakes[0]);
	a = begin(f, files, FILES / 2, 0);
	fake_await(f->fakes[0], 4);
	assert_int_equal(fake_count(f->fakes[0]), 4);
	ahead_meet(a, 0, f->blob);
	fake_await(f->fakes[0], 8);
	assert_int_equal(fake_count(f->fakes[0]), 8);
	fake_release(f->fakes[0]);
	for (unsigned i = 0; i < FILES / 2; i++)
		await(f, files[i]);
	ahead_end(a);
	fixture_close(f);
}

static void
what_nobody_met_is_dropped(void **s)
{
	static const unsigned files[] = { 7, 3 };
	struct fixture *f = make_files();
	struct ahead *a;

	(void)s;
	fake_hold(f->fakes[0]);
	a = begin(f, files, 2, 0);
	ahead_end(a);
	fake_release(f->fakes[0]);
	assert_int_equal(fixture_want(f, 7), 0);
	assert_true(fixture_is_right(f, 7, 0, SIZE));
	fixture_close(f);
}

static void
what_failed_or_was_wrong_is_asked_for_again(void **s)
{
	static const unsigned files[] = { 7, 3 };
	struct fixture *f = make_files();
	struct waited w;
	struct ahead *a;

	(void)s;
	fake_answer_next(f->fakes[0],
	    (struct fake_answer){ .code = EAGAIN, .bytes = 50000 });
	fake_answer_next(f->fakes[0], (struct fake_answer){ .is_wrong = true });
	a = begin(f, files, 2, 0);
	fake_await(f->fakes[0], 2);
	ahead_meet(a, 0, f->blob);
	ahead_end(a);
	for (unsigned i = 0; i < 2; i++) {
		waited_start(&w, f, files[i], 0, SIZE, SOURCE_NOW, 5000);
		assert_int_equal(waited_end(&w), 0);
		await(f, files[i]);
	}
	fixture_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_came_before_the_map_is_stored),
		cmocka_unit_test(the_map_may_come_while_the_bytes_do),
		cmocka_unit_test(chunks_that_lie_there_in_part_are_left),
		cmocka_unit_test(more_ranges_than_are_read_at_a_time_all_come),
		cmocka_unit_test(tables_have_room_until_they_have_come),
		cmocka_unit_test(what_nobody_met_is_dropped),
		cmocka_unit_test(what_failed_or_was_wrong_is_asked_for_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
