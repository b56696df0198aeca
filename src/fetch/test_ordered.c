/* What a start reads: in the order that was asked for, neighbours together,
 * and no reader waits for it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fetch/fixture.h"
#include "fetch/ordered.h"
#include "store/map.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/test.h"

static const struct fetcher_options one_request = {
	.decode_threads = 1,
	.max_requests = 1,
};

enum { RANGES = 1024 };

struct asked {
	struct ordered ordered;
	struct ordered_range ranges[RANGES];
	_Atomic bool is_done;
	struct err failure;
};

static void
on_done(struct ordered *o, const struct err *failure)
{
	struct asked *a = container_of(o, struct asked, ordered);

	if (failure != NULL)
		a->failure = *failure;
	a->is_done = true;
}

/* Whole files, by their numbers. */
static struct asked *
ask(struct fixture *f, const unsigned *files, unsigned n)
{
	struct asked *a = calloc(1, sizeof *a);

	for (unsigned i = 0; i < n; i++) {
		struct object o;
		uint32_t at;

		assert_true(
		    map_find_object(f->map, f->files[files[i]].data_off, &at));
		map_object(f->map, at, &o);
		a->ranges[i] = (struct ordered_range){ f->blob, o.first_chunk,
			o.first_chunk + o.n_chunks - 1 };
	}
	a->ordered.ranges = a->ranges;
	a->ordered.n = n;
	a->ordered.on_done = on_done;
	fetch_ordered(f->fetcher, &a->ordered);
	return a;
}

static int
end(struct asked *a)
{
	uint64_t until = clock_now_ns() + 60 * NS_PER_S;
	int code;

	while (!a->is_done && clock_now_ns() < until)
		usleep(1000);
	assert_true(a->is_done);
	code = a->failure.code;
	free(a);
	return code;
}

static struct fixture *
make_files(unsigned n, uint64_t size)
{
	struct fixture *f = fixture_new();

	for (unsigned i = 0; i < n; i++)
		fixture_add(f, size, size, CHUNK_RAW);
	fixture_open(f, &one_request, 1);
	return f;
}

/* Together they would be more than is asked for at a time. */
static void
files_of_one_range_count_as_what_they_hold(void **s)
{
	static const struct fetcher_options usual = { .decode_threads = 1 };
	struct fixture *f = fixture_new();
	unsigned all[128];
	struct asked *a;

	(void)s;
	fixture_add_shared(f, 64, KIB(32));
	fixture_add_shared(f, 64, KIB(32));
	fixture_open(f, &usual, 1);
	for (unsigned i = 0; i < 128; i++)
		all[i] = i;
	fake_hold(f->fakes[0]);
	a = ask(f, all, 128);
	fake_await(f->fakes[0], 2);
	fake_release(f->fakes[0]);
	assert_int_equal(end(a), 0);
	assert_int_equal(fake_count(f->fakes[0]), 2);
	assert_true(fixture_has(f, 0));
	assert_true(fixture_has(f, 127));
	fixture_close(f);
}

static void
what_is_read_first_comes_first(void **s)
{
	static const unsigned order[] = { 8, 2, 5 };
	struct fixture *f = make_files(10, KIB(200));

	(void)s;
	assert_int_equal(end(ask(f, order, 3)), 0);
	assert_int_equal(fake_count(f->fakes[0]), 3);
	for (unsigned i = 0; i < 3; i++) {
		struct fake_request r = fake_request(f->fakes[0], i);

		assert_int_equal(r.off, order[i] * KIB(200));
		assert_int_equal(r.len, KIB(200));
		assert_int_equal(r.priority, SOURCE_SOON);
		assert_true(fixture_has(f, order[i]));
	}
	assert_false(fixture_has(f, 3));
	fixture_close(f);
}

static void
neighbours_come_together_wherever_they_stand(void **s)
{
	static const unsigned order[] = { 5, 0, 6, 1, 7 };
	struct fixture *f = make_files(10, KIB(80));

	(void)s;
	assert_int_equal(end(ask(f, order, 5)), 0);
	assert_int_equal(fake_count(f->fakes[0]), 2);
	assert_int_equal(fake_request(f->fakes[0], 0).off, 5 * KIB(80));
	assert_int_equal(fake_request(f->fakes[0], 0).len, 3 * KIB(80));
	assert_int_equal(fake_request(f->fakes[0], 1).len, 2 * KIB(80));
	fixture_close(f);
}

/* Small and many: as many connections as there are share the link. */
static void
it_leaves_no_slot_unused_but_the_readers(void **s)
{
	static const struct fetcher_options twelve = { .max_requests = 12 };
	struct fixture *f = fixture_new();
	unsigned order[20];
	struct asked *a;

	(void)s;
	for (unsigned i = 0; i < 40; i++)
		fixture_add(f, KIB(100), KIB(100), CHUNK_RAW);
	fixture_open(f, &twelve, 1);
	for (unsigned i = 0; i < 20; i++)
		order[i] = 2 * i;
	fake_hold(f->fakes[0]);
	a = ask(f, order, 20);
	fake_await(f->fakes[0], 8);
	fake_release(f->fakes[0]);
	assert_int_equal(end(a), 0);
	fixture_close(f);
}

/* Every other file: no neighbours.  A reader's request overtakes all that has
 * not begun, and brings that alone which he wants. */
static void
a_reader_goes_first_and_widens_nothing(void **s)
{
	enum { FILES = 40 };
	struct fixture *f = make_files(FILES, KIB(100));
	unsigned order[FILES / 2];
	struct waited w;
	struct asked *a;

	(void)s;
	for (unsigned i = 0; i < FILES / 2; i++)
		order[i] = 2 * i;
	fake_hold(f->fakes[0]);
	a = ask(f, order, FILES / 2);
	fake_await(f->fakes[0], 1);
	waited_start(&w, f, 30, 0, KIB(100), SOURCE_NOW, 0);
	fake_release(f->fakes[0]);
	assert_int_equal(waited_end(&w), 0);
	assert_int_equal(fake_request(f->fakes[0], 1).off, 30 * KIB(100));
	assert_int_equal(fake_request(f->fakes[0], 1).len, KIB(100));
	assert_int_equal(end(a), 0);
	for (unsigned i = 0; i < FILES; i++)
		assert_int_equal(fixture_has(f, i), i % 2 == 0);
	fixture_close(f);
}

/* Much more than is asked for at once, most of it there already at the second
 * time. */
static void
much_comes_a_window_at_a_time(void **s)
{
	enum { FILES = 500 };
	struct fixture *f = make_files(FILES, KIB(200));
	unsigned order[FILES], count;

	(void)s;
	for (unsigned i = 0; i < FILES; i++)
		order[i] = (i * 7) % FILES;
	assert_int_equal(end(ask(f, order, FILES)), 0);
	for (unsigned i = 0; i < FILES; i++)
		assert_true(fixture_has(f, i));
	count = fake_count(f->fakes[0]);
	assert_in_range(count, FILES * KIB(200) / MIB(4), FILES);
	assert_int_equal(end(ask(f, order, FILES)), 0);
	assert_int_equal(fake_count(f->fakes[0]), count);
	fixture_close(f);
}

static void
a_failure_does_not_keep_the_rest(void **s)
{
	static const unsigned order[] = { 1, 3, 5 };
	struct fixture *f = make_files(6, KIB(200));

	(void)s;
	f->bytes.data[3 * KIB(200) + 5] ^= 1;
	assert_int_equal(end(ask(f, order, 3)), EBADMSG);
	assert_true(fixture_has(f, 1));
	assert_false(fixture_has(f, 3));
	assert_true(fixture_has(f, 5));
	fixture_close(f);
}

static void
what_is_cancelled_ends_soon_and_what_comes_later_at_once(void **s)
{
	static const unsigned order[] = { 1, 3, 5 };
	struct fixture *f = make_files(6, KIB(200));
	struct asked *a;

	(void)s;
	fake_hold(f->fakes[0]);
	a = ask(f, order, 3);
	fetcher_cancel(f->fetcher);
	assert_int_equal(end(a), ECANCELED);
	a = ask(f, order, 3);
	assert_true(a->is_done);
	free(a);
	fake_release(f->fakes[0]);
	fixture_close(f);
}

static void
nothing_is_done_at_once(void **s)
{
	struct fixture *f = make_files(1, KIB(200));

	(void)s;
	assert_int_equal(end(ask(f, NULL, 0)), 0);
	assert_int_equal(fake_count(f->fakes[0]), 0);
	fixture_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_one_range_count_as_what_they_hold),
		cmocka_unit_test(what_is_read_first_comes_first),
		cmocka_unit_test(neighbours_come_together_wherever_they_stand),
		cmocka_unit_test(it_leaves_no_slot_unused_but_the_readers),
		cmocka_unit_test(a_reader_goes_first_and_widens_nothing),
		cmocka_unit_test(much_comes_a_window_at_a_time),
		cmocka_unit_test(a_failure_does_not_keep_the_rest),
		cmocka_unit_test(
		    what_is_cancelled_ends_soon_and_what_comes_later_at_once),
		cmocka_unit_test(nothing_is_done_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
