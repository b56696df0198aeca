#include <time.h>

#include "fetch/fetch.h"
#include "fetch/fixture.h"
#include "fetch/kin.h"
#include "store/store.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/metrics.h"
#include "base/test.h"

static const struct fetcher_options guessing = {
	.decode_threads = 2,
	.guess_percent = 50,
};

/* Thirty folders of 20 files each, of the same name. */
static struct kin *
thirty_folders(void)
{
	struct err e = ERR_INIT;
	struct kin *k = kin_new(600, &e);

	assert_non_null(k);
	for (uint32_t i = 0; i < 600; i++) {
		struct kin_keys keys = { 1, 100 + i / 20, 200 + i / 20 };

		if (i % 20 == 0)
			assert_int_equal(kin_begin_family(k, &keys, &e), 0);
		kin_add_object(k, i);
	}
	return k;
}

/* 600 small files, 9.4 MiB; the first is read, so that the link is known. */
static struct fixture *
small_files(const struct fetcher_options *o)
{
	struct fixture *f = fixture_new();

	for (unsigned i = 0; i < 600; i++)
		fixture_add(f, KIB(16), KIB(16), CHUNK_RAW);
	fixture_open(f, o, 1);
	blob_set_kin(f->blob, thirty_folders());
	assert_int_equal(fixture_want(f, 0), 0);
	assert_true(fixture_await_link(f));
	return f;
}

static void
read_after(struct fixture *f, unsigned file, unsigned ms)
{
	unsigned before = fake_count(f->fakes[0]);
	struct waited w;

	fake_hold(f->fakes[0]);
	waited_start(&w, f, file, 0, 1, SOURCE_NOW, 0);
	fake_await(f->fakes[0], before + 1);
	nanosleep(&(struct timespec){ .tv_nsec = ms * NS_PER_MS }, NULL);
	fake_release(f->fakes[0]);
	assert_int_equal(waited_end(&w), 0);
}

/* A file's read, and an answer that takes long enough to allow a guess. */
static void
read_slowly(struct fixture *f, unsigned file)
{
	read_after(f, file, 50);
}

/* The same behind a long way, that allows several portions a miss. */
static struct fixture *
far_files(void)
{
	struct fixture *f = fixture_new();

	for (unsigned i = 0; i < 600; i++)
		fixture_add(f, KIB(16), KIB(16), CHUNK_RAW);
	fixture_open(f, &guessing, 1);
	read_slowly(f, 0);
	blob_set_kin(f->blob, thirty_folders());
	return f;
}

/* 256 KiB of it, after what was missed and then before. */
static void
the_family_comes_with_what_was_missed(void **s)
{
	struct fixture *f = small_files(&guessing);

	(void)s;
	assert_int_equal(fixture_want(f, 395), 0);
	assert_true(fixture_await(f, 399, 0));
	assert_true(fixture_await(f, 385, 0));
	assert_true(fixture_is_right(f, 385, 0, KIB(16)));
	fixture_close(f);
}

static void
cousins_come_while_a_reader_waits(void **s)
{
	struct fixture *f = small_files(&guessing);

	(void)s;
	read_slowly(f, 100);
	assert_true(fixture_await(f, 119, 0));
	assert_true(fixture_await(f, 120, 0));
	fixture_close(f);
}

/* As a program that found what was guessed, and reads on there. */
static void
a_file_that_was_found_here_brings_its_family(void **s)
{
	struct fixture *f = far_files();

	(void)s;
	blob_note_read(f->blob, f->files[505].data_off);
	for (unsigned i = 0; i < 8 && !fixture_has(f, 506); i++)
		read_slowly(f, 100 + 40 * i);
	assert_true(fixture_await(f, 506, 0));
	fixture_close(f);
}

static void
what_is_asked_for_on_a_guess_comes_once(void **s)
{
	struct fixture *f = small_files(&guessing);

	(void)s;
	assert_true(blob_guess(f->blob, f->files[300].data_off));
	assert_true(fixture_await(f, 300, 0));
	assert_false(blob_guess(f->blob, f->files[300].data_off));
	assert_false(fixture_has(f, 301));
	fixture_close(f);
}

static void
of_a_large_file_the_two_ends_come(void **s)
{
	struct fixture *f = fixture_new();

	(void)s;
	fixture_add(f, KIB(16), KIB(16), CHUNK_RAW);
	fixture_add(f, MIB(12), KIB(64), CHUNK_RAW);
	fixture_open(f, &guessing, 1);
	assert_int_equal(fixture_want(f, 0), 0);
	assert_true(blob_guess(f->blob, f->files[1].data_off));
	assert_true(fixture_await(f, 1, 0));
	assert_true(fixture_await(f, 1, MIB(12) - 1));
	assert_false(fixture_has(f, 1));
	fixture_close(f);
}

/* However much the way allows. */
static void
of_a_larger_file_the_two_ends_come_over_a_long_way(void **s)
{
	struct fixture *f = fixture_new();

	(void)s;
	for (unsigned i = 0; i < 10; i++)
		fixture_add(f, MIB(2), MIB(1), CHUNK_RAW);
	fixture_add(f, MIB(48), KIB(256), CHUNK_RAW);
	fixture_open(f, &guessing, 1);
	for (unsigned i = 0; i < 10; i++)
		read_after(f, i, 300);
	assert_true(blob_guess(f->blob, f->files[10].data_off));
	assert_true(fixture_await(f, 10, MIB(48) - 1));
	assert_false(store_has(f->store, f->files[10].data_off + MIB(24), 1));
	fixture_close(f);
}

static void
where_no_folders_are_known_neighbours_come(void **s)
{
	struct fixture *f = fixture_new();

	(void)s;
	for (unsigned i = 0; i < 100; i++)
		fixture_add(f, KIB(16), KIB(16), CHUNK_RAW);
	fixture_open(f, &guessing, 1);
	assert_int_equal(fixture_want(f, 50), 0);
	assert_true(fixture_await(f, 55, 0));
	assert_false(fixture_has(f, 99));
	fixture_close(f);
}

static void
nothing_is_guessed_without_leave(void **s)
{
	static const struct fetcher_options none = { .decode_threads = 2 };
	uint64_t before = metric_get(METRIC_fetch_guessed_bytes);
	struct fixture *f = small_files(&none);

	(void)s;
	read_slowly(f, 300);
	read_slowly(f, 500);
	assert_int_equal(metric_get(METRIC_fetch_guessed_bytes), before);
	assert_false(fixture_has(f, 330));
	fixture_close(f);
}

static void
nothing_is_guessed_of_what_somebody_knows(void **s)
{
	struct fixture *f = small_files(&guessing);
	uint64_t before;

	(void)s;
	blob_stop_guessing(f->blob);
	assert_false(blob_guess(f->blob, f->files[400].data_off));
	before = metric_get(METRIC_fetch_guessed_bytes);
	read_slowly(f, 300);
	read_slowly(f, 500);
	assert_int_equal(metric_get(METRIC_fetch_guessed_bytes), before);
	fixture_close(f);
}

static void
guesses_stay_within_their_share(void **s)
{
	static const struct fetcher_options little = {
		.decode_threads = 2,
		.guess_percent = 1,
	};
	uint64_t before = metric_get(METRIC_fetch_guessed_bytes), guessed;
	struct fixture *f = small_files(&little);

	(void)s;
	for (unsigned file = 100; file < 600; file += 150)
		read_slowly(f, file);
	guessed = metric_get(METRIC_fetch_guessed_bytes) - before;
	/* The first miss after the link is known allows some. */
	assert_true(guessed > 0);
	/* One percent, and the rest of a chunk on either side. */
	assert_true(guessed <= KIB(96) + 2 * KIB(16));
	fixture_close(f);
}

/* Whether a request for a reader of this file comes within ten seconds. */
static bool
await_reader(struct fixture *f, unsigned file)
{
	for (int tries = 0; tries < 1000; tries++) {
		for (unsigned n = 0; n < fake_count(f->fakes[0]); n++) {
			struct fake_request r = fake_request(f->fakes[0], n);

			if (r.priority == SOURCE_NOW && r.off == file * KIB(16))
				return true;
		}
		nanosleep(
		    &(struct timespec){ .tv_nsec = 10 * NS_PER_MS }, NULL);
	}
	return false;
}

/* Nothing is answered: whatever is guessed keeps its slots. */
static void
a_reader_does_not_wait_for_guesses(void **s)
{
	struct fixture *f = small_files(&guessing);
	struct waited now[3];

	(void)s;
	read_slowly(f, 100);
	read_slowly(f, 250);
	fake_hold(f->fakes[0]);
	for (unsigned i = 0; i < 3; i++) {
		waited_start(&now[i], f, 400 + 70 * i, 0, 1, SOURCE_NOW, 0);
		assert_true(await_reader(f, 400 + 70 * i));
	}
	fake_release(f->fakes[0]);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(waited_end(&now[i]), 0);
	fixture_close(f);
}

static void
a_library_that_is_touched_comes_whole(void **s)
{
	struct fixture *f = fixture_new();

	(void)s;
	fixture_add(f, KIB(600), KIB(50), CHUNK_RAW);
	fixture_add(f, KIB(600), KIB(50), CHUNK_RAW);
	fixture_open(f, &guessing, 1);
	/* How long the way is shows at the first miss. */
	read_slowly(f, 1);
	read_slowly(f, 0);
	assert_true(fixture_await(f, 0, KIB(599)));
	fixture_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_family_comes_with_what_was_missed),
		cmocka_unit_test(cousins_come_while_a_reader_waits),
		cmocka_unit_test(a_file_that_was_found_here_brings_its_family),
		cmocka_unit_test(what_is_asked_for_on_a_guess_comes_once),
		cmocka_unit_test(of_a_large_file_the_two_ends_come),
		cmocka_unit_test(
		    of_a_larger_file_the_two_ends_come_over_a_long_way),
		cmocka_unit_test(where_no_folders_are_known_neighbours_come),
		cmocka_unit_test(nothing_is_guessed_without_leave),
		cmocka_unit_test(nothing_is_guessed_of_what_somebody_knows),
		cmocka_unit_test(guesses_stay_within_their_share),
		cmocka_unit_test(a_reader_does_not_wait_for_guesses),
		cmocka_unit_test(a_library_that_is_touched_comes_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
