/* What goes wrong with wants: bytes, sources, the disk. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "fetch/fetch.h"
#include "fetch/fixture.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/metrics.h"
#include "base/test.h"

static const struct fetcher_options usual = { .decode_threads = 2 };

static void
wrong_bytes_are_fetched_from_the_next_source(void **s)
{
	struct fixture *f = fixture_far_files(1, &usual, 2);
	uint64_t before = metric_get(METRIC_fetch_corrupt);

	(void)s;
	fake_answer(f->fakes[0], (struct fake_answer){ .is_wrong = true });
	assert_int_equal(fixture_want(f, 0), 0);
	assert_true(fixture_is_right(f, 0, 0, KIB(200)));
	assert_int_equal(metric_get(METRIC_fetch_corrupt), before + 1);
	assert_int_equal(fake_count(f->fakes[1]), 1);
	fixture_close(f);
}

static void
wrong_bytes_once_are_fetched_again_from_the_only_source(void **s)
{
	struct fixture *f = fixture_new();

	(void)s;
	fixture_add(f, KIB(200), KIB(200), CHUNK_ZSTD);
	fixture_open(f, &usual, 1);
	fake_answer_next(f->fakes[0], (struct fake_answer){ .is_wrong = true });
	assert_int_equal(fixture_want(f, 0), 0);
	assert_true(fixture_is_right(f, 0, 0, KIB(200)));
	fixture_close(f);
}

static void
bytes_that_stay_wrong_are_never_served(void **s)
{
	struct fixture *f = fixture_far_files(2, &usual, 1);
	struct digest chunk;
	struct waited w;

	(void)s;
	fake_answer(f->fakes[0], (struct fake_answer){ .is_wrong = true });
	waited_start(&w, f, 0, 0, 1, SOURCE_NOW, WANT_FOREVER);
	assert_int_equal(waited_end(&w), EBADMSG);
	assert_int_equal(fake_count(f->fakes[0]), 3);
	assert_false(fixture_has(f, 0));
	digest_of(&chunk, f->contents.data, KIB(200));
	assert_non_null(strstr(w.failure.msg, DIGEST_TEXT(&chunk)));
	assert_non_null(strstr(
	    w.failure.msg, DIGEST_TEXT(map_blob(f->map, &(uint64_t){ 0 }))));
	fixture_close(f);
}

static void
count(void *ctx)
{
	++*(unsigned *)ctx;
}

static void
the_same_wrong_bytes_twice_are_a_doubt(void **s)
{
	struct fixture *f = fixture_new();
	unsigned told = 0;
	struct doubt d;
	struct digest came;

	(void)s;
	for (unsigned i = 0; i < 2; i++)
		fixture_add(f, KIB(16), KIB(16), CHUNK_RAW);
	fixture_open(f, &usual, 1);
	fetcher_watch_doubts(f->fetcher, count, &told);
	f->bytes.data[KIB(16)] ^= 1;
	digest_of(&came, f->bytes.data + KIB(16), KIB(16));
	assert_false(blob_take_doubt(f->blob, &d));
	assert_int_equal(fixture_want(f, 1), EBADMSG);
	fetcher_watch_doubts(f->fetcher, NULL, NULL);
	assert_int_equal(told, 1);
	assert_true(blob_take_doubt(f->blob, &d));
	assert_int_equal(d.blob_off, KIB(16));
	assert_int_equal(d.blob_len, KIB(16));
	assert_true(digest_equal(&d.came, &came));
	assert_false(blob_take_doubt(f->blob, &d));
	fixture_close(f);
}

static void
wrong_bytes_that_change_are_no_doubt(void **s)
{
	struct fixture *f = fixture_new();
	struct doubt d;

	(void)s;
	fixture_add(f, KIB(16), KIB(16), CHUNK_RAW);
	fixture_open(f, &usual, 1);
	f->bytes.data[0] ^= 1;
	fake_answer_next(f->fakes[0], (struct fake_answer){ .is_wrong = true });
	fake_answer_next(f->fakes[0], (struct fake_answer){ 0 });
	fake_answer_next(f->fakes[0], (struct fake_answer){ .is_wrong = true });
	assert_int_equal(fixture_want(f, 0), EBADMSG);
	assert_int_equal(fake_count(f->fakes[0]), 3);
	assert_false(blob_take_doubt(f->blob, &d));
	fixture_close(f);
}

static void
what_a_lying_map_says_is_asked_for_once(void **s)
{
	struct fixture *f = fixture_new();
	struct waited w;

	(void)s;
	for (unsigned i = 0; i < 2; i++)
		fixture_add(f, KIB(16), KIB(16), CHUNK_RAW);
	fixture_open(f, &usual, 1);
	f->bytes.data[0] ^= 1;
	blob_condemn(f->blob, "it lied");
	waited_start(&w, f, 0, 0, 1, SOURCE_NOW, WANT_FOREVER);
	assert_int_equal(waited_end(&w), EBADMSG);
	assert_non_null(strstr(w.failure.msg, "it lied"));
	assert_int_equal(fake_count(f->fakes[0]), 1);
	/* What it is right about can still be had. */
	assert_int_equal(fixture_want(f, 1), 0);
	fixture_close(f);
}

static void
a_corrupt_chunk_costs_its_neighbours_nothing(void **s)
{
	struct fixture *f = fixture_new();

	(void)s;
	for (unsigned i = 0; i < 3; i++)
		fixture_add(f, KIB(16), KIB(16), CHUNK_RAW);
	fixture_open(f, &usual, 1);
	f->bytes.data[KIB(16)] ^= 1;
	assert_int_equal(fixture_want(f, 0), 0);
	assert_int_equal(fixture_want(f, 1), EBADMSG);
	assert_int_equal(fixture_want(f, 2), 0);
	fixture_close(f);
}

static void
a_source_that_fails_is_followed_by_the_next(void **s)
{
	struct fixture *f = fixture_far_files(2, &usual, 2);
	uint64_t start = clock_now_ns();

	(void)s;
	fake_answer_next(f->fakes[0],
	    (struct fake_answer){ .code = ETIMEDOUT, .bytes = KIB(100) });
	assert_int_equal(fixture_want(f, 0), 0);
	assert_true(fixture_is_right(f, 0, 0, KIB(200)));
	assert_int_equal(fake_count(f->fakes[0]), 1);
	assert_int_equal(fake_count(f->fakes[1]), 1);
	assert_int_equal(fixture_want(f, 1), 0);
	assert_int_equal(fake_count(f->fakes[0]) + fake_count(f->fakes[1]), 3);
	/* It rests for 75 ms at least: until then the other is asked first.
	 * Under memcheck they may be over. */
	if (clock_now_ns() - start < 75 * NS_PER_MS)
		assert_int_equal(fake_count(f->fakes[1]), 2);
	fixture_close(f);
}

static void
chunks_before_the_failure_are_kept(void **s)
{
	struct fixture *f = fixture_new();
	struct waited w;

	(void)s;
	fixture_add(f, KIB(200), KIB(50), CHUNK_RAW);
	fixture_open(f, &usual, 1);
	fake_answer(f->fakes[0],
	    (struct fake_answer){ .code = EAGAIN, .bytes = KIB(110) });
	waited_start(&w, f, 0, 0, KIB(200), SOURCE_NOW, 0);
	assert_int_equal(waited_end(&w), EAGAIN);
	waited_start(&w, f, 0, 0, KIB(96), SOURCE_NOW, 0);
	assert_int_equal(waited_end(&w), 0);
	assert_int_equal(fake_count(f->fakes[0]), 1);
	fixture_close(f);
}

static void
without_patience_every_source_is_tried_once(void **s)
{
	struct fixture *f = fixture_far_files(1, &usual, 2);

	(void)s;
	fake_answer(f->fakes[0], (struct fake_answer){ .code = EACCES });
	fake_answer(f->fakes[1], (struct fake_answer){ .code = ENOENT });
	assert_int_equal(fixture_want(f, 0), ENOENT);
	assert_int_equal(fake_count(f->fakes[0]), 1);
	assert_int_equal(fake_count(f->fakes[1]), 1);
	fixture_close(f);
}

static void
without_a_source_the_want_fails(void **s)
{
	struct fixture *f = fixture_far_files(1, &usual, 0);

	(void)s;
	assert_int_equal(fixture_want(f, 0), ENOENT);
	fixture_close(f);
}

static void
patience_outlasts_a_few_failures(void **s)
{
	struct fixture *f = fixture_far_files(1, &usual, 1);
	struct waited w;

	(void)s;
	for (int i = 0; i < 3; i++)
		fake_answer_next(
		    f->fakes[0], (struct fake_answer){ .code = EAGAIN });
	waited_start(&w, f, 0, 0, 1, SOURCE_NOW, WANT_FOREVER);
	assert_int_equal(waited_end(&w), 0);
	assert_int_equal(fake_count(f->fakes[0]), 4);
	fixture_close(f);
}

static void
a_new_source_ends_the_waiting(void **s)
{
	struct fixture *f = fixture_far_files(1, &usual, 0);
	struct err e = ERR_INIT;
	struct waited w;

	(void)s;
	waited_start(&w, f, 0, 0, 1, SOURCE_NOW, WANT_FOREVER);
	f->fakes[0] = fake_new("late", f->bytes.data, f->bytes.len);
	assert_int_equal(
	    blob_add_source(f->blob, fake_source(f->fakes[0]), &e), 0);
	assert_int_equal(waited_end(&w), 0);
	assert_int_equal(blob_n_sources(f->blob), 1);
	fixture_close(f);
}

static void
patience_ends_while_a_source_stalls(void **s)
{
	struct fixture *f = fixture_far_files(1, &usual, 1);
	struct waited w, forever;

	(void)s;
	fake_hold(f->fakes[0]);
	waited_start(&forever, f, 0, 0, 1, SOURCE_NOW, WANT_FOREVER);
	waited_start(&w, f, 0, 0, 1, SOURCE_NOW, 20);
	assert_int_equal(waited_end(&w), ETIMEDOUT);
	assert_false(forever.is_done);
	fake_release(f->fakes[0]);
	assert_int_equal(waited_end(&forever), 0);
	fixture_close(f);
}

static void
a_limit_that_comes_nearer_ends_whoever_waits_for_ever(void **s)
{
	struct fixture *f = fixture_far_files(1, &usual, 1);
	_Atomic uint64_t limit_ns = UINT64_MAX;
	struct waited w, late, forever;

	(void)s;
	fake_hold(f->fakes[0]);
	waited_start(&forever, f, 0, 0, 1, SOURCE_NOW, WANT_FOREVER);
	waited_start_limited(&w, f, &limit_ns);
	blob_hurry(f->blob);
	assert_false(w.is_done);
	limit_ns = clock_now_ns() + 20 * NS_PER_MS;
	blob_hurry(f->blob);
	assert_int_equal(waited_end(&w), ETIMEDOUT);
	waited_start_limited(&late, f, &limit_ns);
	assert_int_equal(waited_end(&late), ETIMEDOUT);
	assert_false(forever.is_done);
	fake_release(f->fakes[0]);
	assert_int_equal(waited_end(&forever), 0);
	fixture_close(f);
}

static void
patience_ends_with_what_the_source_said(void **s)
{
	struct fixture *f = fixture_far_files(1, &usual, 1);
	struct waited w;

	(void)s;
	fake_answer(f->fakes[0], (struct fake_answer){ .code = EACCES });
	waited_start(&w, f, 0, 0, 1, SOURCE_NOW, 2000);
	assert_int_equal(waited_end(&w), EACCES);
	fixture_close(f);
}

static void
a_source_that_claims_to_be_done_is_not_believed(void **s)
{
	struct fixture *f = fixture_far_files(1, &usual, 1);

	(void)s;
	fake_answer_next(f->fakes[0], (struct fake_answer){ .is_short = true });
	assert_int_equal(fixture_want(f, 0), EPROTO);
	assert_int_equal(fixture_want(f, 0), 0);
	fixture_close(f);
}

/* Where the disk refuses a write: a file size limit does so without a disk of
 * our own. */
static void
a_store_that_cannot_write_fails_the_want_at_once(void **s)
{
	struct fixture *f = fixture_far_files(3, &usual, 1);
	struct rlimit old, low;
	struct waited w;

	(void)s;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	low = old;
	low.rlim_cur = KIB(100);
	setrlimit(RLIMIT_FSIZE, &low);
	waited_start(&w, f, 2, 0, 1, SOURCE_NOW, WANT_FOREVER);
	assert_int_equal(waited_end(&w), EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(fake_count(f->fakes[0]), 1);
	assert_int_equal(fixture_want(f, 2), 0);
	fixture_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_bytes_are_fetched_from_the_next_source),
		cmocka_unit_test(
		    wrong_bytes_once_are_fetched_again_from_the_only_source),
		cmocka_unit_test(bytes_that_stay_wrong_are_never_served),
		cmocka_unit_test(the_same_wrong_bytes_twice_are_a_doubt),
		cmocka_unit_test(wrong_bytes_that_change_are_no_doubt),
		cmocka_unit_test(what_a_lying_map_says_is_asked_for_once),
		cmocka_unit_test(a_corrupt_chunk_costs_its_neighbours_nothing),
		cmocka_unit_test(a_source_that_fails_is_followed_by_the_next),
		cmocka_unit_test(chunks_before_the_failure_are_kept),
		cmocka_unit_test(without_patience_every_source_is_tried_once),
		cmocka_unit_test(without_a_source_the_want_fails),
		cmocka_unit_test(patience_outlasts_a_few_failures),
		cmocka_unit_test(a_new_source_ends_the_waiting),
		cmocka_unit_test(patience_ends_while_a_source_stalls),
		cmocka_unit_test(
		    a_limit_that_comes_nearer_ends_whoever_waits_for_ever),
		cmocka_unit_test(patience_ends_with_what_the_source_said),
		cmocka_unit_test(
		    a_source_that_claims_to_be_done_is_not_believed),
		cmocka_unit_test(
		    a_store_that_cannot_write_fails_the_want_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
