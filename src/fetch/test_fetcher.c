#include <errno.h>

#include "fetch/fetch.h"
#include "fetch/fixture.h"
#include "store/store.h"
#include "base/hmap.h"
#include "base/limits.h"
#include "base/test.h"
#include "base/thread.h"

static const struct fetcher_options usual = { .decode_threads = 2 };
static const struct fetcher_options one_request = {
	.decode_threads = 1,
	.max_requests = 1,
};

/* ---- what comes ---- */

static void
every_codec_gives_the_right_bytes(void **s)
{
	static const enum chunk_codec codecs[] = { CHUNK_RAW, CHUNK_ZSTD,
		CHUNK_GZIP, CHUNK_ZEROS };
	struct fixture *f = fixture_new();

	(void)s;
	for (unsigned i = 0; i < 4; i++)
		fixture_add(f, 300001, 70001, codecs[i]);
	fixture_open(f, &usual, 1);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(fixture_want(f, i), 0);
		assert_true(fixture_is_right(f, i, 0, 300001));
	}
	fixture_close(f);
}

static void
zeros_need_no_source(void **s)
{
	struct fixture *f = fixture_new();

	(void)s;
	fixture_add(f, KIB(200), KIB(64), CHUNK_ZEROS);
	fixture_add(f, KIB(200), KIB(64), CHUNK_RAW);
	fixture_open(f, &usual, 0);
	assert_int_equal(fixture_want(f, 0), 0);
	assert_true(fixture_is_right(f, 0, 0, KIB(200)));
	fixture_close(f);
}

static void
zeros_come_with_what_lies_beside_them(void **s)
{
	struct fixture *f = fixture_new();
	unsigned file = fixture_add_holed(f, KIB(560), KIB(80));
	struct waited w;

	(void)s;
	fixture_open(f, &usual, 1);
	waited_start(&w, f, file, KIB(160), KIB(240), SOURCE_SOON, 0);
	assert_int_equal(waited_end(&w), 0);
	assert_true(fixture_await(f, file, KIB(80)));
	assert_true(fixture_await(f, file, KIB(240)));
	assert_true(fixture_is_right(f, file, KIB(80), KIB(320)));
	assert_false(store_has(f->store, f->files[file].data_off, 1));
	assert_false(
	    store_has(f->store, f->files[file].data_off + KIB(320), 1));
	assert_int_equal(fake_count(f->fakes[0]), 1);
	fixture_close(f);
}

static void
a_want_brings_whole_blocks_and_no_more_than_their_chunks(void **s)
{
	struct fixture *f = fixture_new();
	struct waited w;

	(void)s;
	fixture_add(f, 400000, 50000, CHUNK_RAW);
	fixture_open(f, &usual, 1);
	/* Byte 99999 is in chunk 1, its block ends in chunk 2. */
	waited_start(&w, f, 0, 99999, 100000, SOURCE_NOW, 0);
	assert_int_equal(waited_end(&w), 0);
	assert_true(fixture_is_right(f, 0, 98304, 102400));
	assert_int_equal(fake_count(f->fakes[0]), 1);
	assert_int_equal(fake_request(f->fakes[0], 0).off, 50000);
	assert_int_equal(fake_request(f->fakes[0], 0).len, 100000);
	fixture_close(f);
}

static void
what_is_present_is_not_fetched(void **s)
{
	struct fixture *f = fixture_far_files(1, &usual, 1);

	(void)s;
	assert_int_equal(fixture_want(f, 0), 0);
	assert_int_equal(fixture_want(f, 0), 0);
	assert_int_equal(fake_count(f->fakes[0]), 1);
	fixture_close(f);
}

static void
a_position_of_no_file_is_refused(void **s)
{
	struct fixture *f = fixture_far_files(1, &usual, 1);
	struct waited w;

	(void)s;
	waited_start(&w, f, 0, GIB(1), GIB(1) + 1, SOURCE_NOW, 0);
	assert_int_equal(waited_end(&w), EINVAL);
	fixture_close(f);
}

/* ---- joining and coalescing ---- */

static void
a_hundred_wants_of_one_chunk_are_one_request(void **s)
{
	struct fixture *f = fixture_far_files(1, &usual, 1);
	struct waited w[100];

	(void)s;
	fake_hold(f->fakes[0]);
	for (int i = 0; i < 100; i++)
		waited_start(&w[i], f, 0, KIB(i), KIB(i + 1), SOURCE_NOW, 0);
	fake_await(f->fakes[0], 1);
	fake_release(f->fakes[0]);
	for (int i = 0; i < 100; i++)
		assert_int_equal(waited_end(&w[i]), 0);
	assert_int_equal(fake_count(f->fakes[0]), 1);
	fixture_close(f);
}

static void
chunks_of_one_compressed_range_come_with_one_request(void **s)
{
	struct fixture *f = fixture_new();

	(void)s;
	fixture_add_shared(f, 20, 30000);
	fixture_open(f, &usual, 1);
	assert_int_equal(fixture_want(f, 11), 0);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(fixture_want(f, i), 0);
		assert_true(fixture_is_right(f, i, 0, 30000));
	}
	assert_int_equal(fake_count(f->fakes[0]), 1);
	fixture_close(f);
}

static void
neighbours_that_wait_become_one_request(void **s)
{
	struct fixture *f = fixture_far_files(8, &one_request, 1);
	struct waited first, w[5];

	(void)s;
	fake_hold(f->fakes[0]);
	waited_start(&first, f, 0, 0, 1, SOURCE_NOW, 0);
	fake_await(f->fakes[0], 1);
	for (unsigned i = 0; i < 5; i++)
		waited_start(&w[i], f, 2 + i, 0, 1, SOURCE_NOW, 0);
	fake_release(f->fakes[0]);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(waited_end(&w[i]), 0);
	assert_int_equal(waited_end(&first), 0);
	assert_int_equal(fake_count(f->fakes[0]), 2);
	assert_int_equal(fake_request(f->fakes[0], 1).off, 2 * KIB(200));
	assert_int_equal(fake_request(f->fakes[0], 1).len, 5 * KIB(200));
	fixture_close(f);
}

static void
a_miss_on_a_small_file_brings_its_neighbours(void **s)
{
	struct fixture *f = fixture_new();

	(void)s;
	for (unsigned i = 0; i < 40; i++)
		fixture_add(f, KIB(16), KIB(16), CHUNK_RAW);
	fixture_open(f, &usual, 1);
	assert_int_equal(fixture_want(f, 8), 0);
	/* The reader's first, then what lies before it. */
	fake_await(f->fakes[0], 2);
	assert_int_equal(fake_request(f->fakes[0], 0).off, 8 * KIB(16));
	assert_int_equal(fake_request(f->fakes[0], 0).len, KIB(192));
	assert_int_equal(fake_request(f->fakes[0], 1).off, 4 * KIB(16));
	assert_int_equal(fake_request(f->fakes[0], 1).len, KIB(64));
	fixture_close(f);
}

/* Reads 32 KiB at a time: each byte is fetched once, and what follows comes
 * before it is asked for. */
static void
a_sequential_reader_is_read_ahead_of(void **s)
{
	struct fixture *f = fixture_new();
	uint64_t bytes = 0;
	struct waited w;

	(void)s;
	fixture_add(f, MIB(4), 50000, CHUNK_RAW);
	fixture_open(f, &usual, 1);
	for (uint64_t at = 0; at < MIB(4); at += KIB(32)) {
		waited_start(&w, f, 0, at, at + KIB(32), SOURCE_NOW, 0);
		assert_int_equal(waited_end(&w), 0);
		assert_true(fixture_is_right(f, 0, at, at + KIB(32)));
		/* Chunk 2 was missed, after two: the next comes along. */
		if (at == KIB(96))
			assert_true(fixture_await(f, 0, 160000));
	}
	for (unsigned i = 0; i < fake_count(f->fakes[0]); i++)
		bytes += fake_request(f->fakes[0], i).len;
	assert_int_equal(bytes, MIB(4));
	fixture_close(f);
}

/* ---- order ---- */

static void
a_reader_goes_before_what_is_queued(void **s)
{
	struct fixture *f = fixture_far_files(9, &one_request, 1);
	struct waited first, soon, now;

	(void)s;
	fake_hold(f->fakes[0]);
	waited_start(&first, f, 0, 0, 1, SOURCE_NOW, 0);
	fake_await(f->fakes[0], 1);
	waited_start(&soon, f, 4, 0, 1, SOURCE_SOON, 0);
	waited_start(&now, f, 8, 0, 1, SOURCE_NOW, 0);
	fake_release(f->fakes[0]);
	assert_int_equal(waited_end(&first), 0);
	assert_int_equal(waited_end(&soon), 0);
	assert_int_equal(waited_end(&now), 0);
	assert_int_equal(fake_request(f->fakes[0], 1).off, 8 * KIB(200));
	assert_int_equal(fake_request(f->fakes[0], 1).priority, SOURCE_NOW);
	assert_int_equal(fake_request(f->fakes[0], 2).off, 4 * KIB(200));
	assert_int_equal(fake_request(f->fakes[0], 2).priority, SOURCE_SOON);
	fixture_close(f);
}

static void
a_queued_chunk_moves_up_when_a_reader_wants_it(void **s)
{
	struct fixture *f = fixture_far_files(9, &one_request, 1);
	struct waited first, soon[2], now;

	(void)s;
	fake_hold(f->fakes[0]);
	waited_start(&first, f, 0, 0, 1, SOURCE_NOW, 0);
	fake_await(f->fakes[0], 1);
	waited_start(&soon[0], f, 4, 0, 1, SOURCE_SOON, 0);
	waited_start(&soon[1], f, 8, 0, 1, SOURCE_SOON, 0);
	waited_start(&now, f, 8, 0, 1, SOURCE_NOW, 0);
	fake_release(f->fakes[0]);
	assert_int_equal(waited_end(&first), 0);
	assert_int_equal(waited_end(&now), 0);
	assert_int_equal(waited_end(&soon[0]), 0);
	assert_int_equal(waited_end(&soon[1]), 0);
	assert_int_equal(fake_request(f->fakes[0], 1).off, 8 * KIB(200));
	assert_int_equal(fake_count(f->fakes[0]), 3);
	fixture_close(f);
}

static void
patient_requests_leave_slots_for_readers(void **s)
{
	const struct fetcher_options six = { .max_requests = 6 };
	struct fixture *f = fixture_far_files(20, &six, 1);
	struct waited soon[4], now;

	(void)s;
	fake_hold(f->fakes[0]);
	for (unsigned i = 0; i < 4; i++)
		waited_start(&soon[i], f, 4 * i, 0, 1, SOURCE_SOON, 0);
	fake_await(f->fakes[0], 2);
	waited_start(&now, f, 18, 0, 1, SOURCE_NOW, 0);
	fake_await(f->fakes[0], 3);
	assert_int_equal(fake_request(f->fakes[0], 2).priority, SOURCE_NOW);
	assert_int_equal(fake_count(f->fakes[0]), 3);
	fake_release(f->fakes[0]);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(waited_end(&soon[i]), 0);
	assert_int_equal(waited_end(&now), 0);
	fixture_close(f);
}

/* ---- its end ---- */

static void
closing_the_blob_ends_its_wants(void **s)
{
	struct fixture *f = fixture_far_files(9, &one_request, 1);
	struct waited on_its_way, queued;

	(void)s;
	fake_hold(f->fakes[0]);
	waited_start(&on_its_way, f, 0, 0, 1, SOURCE_NOW, WANT_FOREVER);
	fake_await(f->fakes[0], 1);
	waited_start(&queued, f, 8, 0, 1, SOURCE_NOW, WANT_FOREVER);
	blob_unref(f->blob);
	f->blob = NULL;
	assert_int_equal(waited_end(&on_its_way), ECANCELED);
	assert_int_equal(waited_end(&queued), ECANCELED);
	fixture_close(f);
}

/* ---- many at once ---- */

enum { HAMMERS = 4, BLOWS = 300, HAMMER_FILES = 200 };

struct hammer {
	pthread_t thread;
	struct fixture *f;
	uint64_t seed;
	unsigned wrong;
};

/* Spoils one answer in eight. */
static void
spoil(struct hammer *h)
{
	const struct fake_answer wrong = { .is_wrong = true };
	const struct fake_answer broken = { .code = EAGAIN, .bytes = 5000 };

	if (h->seed >> 60 < 2)
		fake_answer_next(
		    h->f->fakes[0], h->seed >> 60 == 0 ? wrong : broken);
}

/* Others may drop the file between our want and our read. */
static bool
read_file(struct hammer *h, unsigned file)
{
	uint64_t size = h->f->files[file].size;
	struct waited w;

	do {
		waited_start(&w, h->f, file, 0, size,
		    h->seed >> 50 & 1 ? SOURCE_NOW : SOURCE_SOON, WANT_FOREVER);
		if (waited_end(&w) != 0)
			return false;
	} while (!fixture_has(h->f, file));
	return fixture_is_right(h->f, file, 0, size) ||
	       !fixture_has(h->f, file);
}

static void *
hammer(void *arg)
{
	struct hammer *h = arg;

	for (unsigned i = 0; i < BLOWS; i++) {
		unsigned file =
		    (h->seed = hash_u64(h->seed + i)) % HAMMER_FILES;
		const struct fixture_file *x = &h->f->files[file];

		spoil(h);
		if (!read_file(h, file))
			h->wrong++;
		if ((h->seed >> 48) % 2 == 0)
			store_drop(h->f->store, x->data_off, x->size,
			    &(struct err){ 0 });
	}
	return NULL;
}

static void
many_readers_of_bad_sources_all_get_the_right_bytes(void **s)
{
	struct fixture *f = fixture_new();
	struct hammer h[HAMMERS];
	struct err e = ERR_INIT;

	(void)s;
	for (unsigned i = 0; i < HAMMER_FILES; i++)
		fixture_add(f, 1 + hash_u64(i) % 40000, 7000,
		    i % 3 == 0 ? CHUNK_GZIP : CHUNK_ZSTD);
	fixture_open(f, &usual, 2);
	for (unsigned i = 0; i < HAMMERS; i++) {
		h[i] = (struct hammer){ .f = f, .seed = i };
		assert_int_equal(
		    thread_start(&h[i].thread, "hammer", hammer, &h[i], &e), 0);
	}
	for (unsigned i = 0; i < HAMMERS; i++) {
		pthread_join(h[i].thread, NULL);
		assert_int_equal(h[i].wrong, 0);
	}
	fixture_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_codec_gives_the_right_bytes),
		cmocka_unit_test(zeros_need_no_source),
		cmocka_unit_test(zeros_come_with_what_lies_beside_them),
		cmocka_unit_test(
		    a_want_brings_whole_blocks_and_no_more_than_their_chunks),
		cmocka_unit_test(what_is_present_is_not_fetched),
		cmocka_unit_test(a_position_of_no_file_is_refused),
		cmocka_unit_test(a_hundred_wants_of_one_chunk_are_one_request),
		cmocka_unit_test(
		    chunks_of_one_compressed_range_come_with_one_request),
		cmocka_unit_test(neighbours_that_wait_become_one_request),
		cmocka_unit_test(a_miss_on_a_small_file_brings_its_neighbours),
		cmocka_unit_test(a_sequential_reader_is_read_ahead_of),
		cmocka_unit_test(a_reader_goes_before_what_is_queued),
		cmocka_unit_test(
		    a_queued_chunk_moves_up_when_a_reader_wants_it),
		cmocka_unit_test(patient_requests_leave_slots_for_readers),
		cmocka_unit_test(closing_the_blob_ends_its_wants),
		cmocka_unit_test(
		    many_readers_of_bad_sources_all_get_the_right_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
