/* Parts of a stream (CHUNK_STREAM): only a replay of the blob gives them. */
#include <errno.h>

#include "fetch/fixture.h"
#include "codec/gzip_member.h"
#include "store/store.h"
#include "base/limits.h"
#include "base/test.h"

enum { FILES = 40, FILE_BYTES = 200001 };

/* About 8 MiB: more than what may lie between source and decoder. */
static struct fixture *
streamed(const struct fetcher_options *o, unsigned n_sources)
{
	struct fixture *f = fixture_new();

	for (unsigned i = 0; i < FILES; i++)
		fixture_add(f, FILE_BYTES, 90000, CHUNK_STREAM);
	fixture_open(f, o, n_sources);
	return f;
}

static const struct fetcher_options usual = { .decode_threads = 2 };

static void
one_replay_serves_all_who_join(void **s)
{
	struct fixture *f = streamed(&usual, 1);
	struct waited w[FILES];

	(void)s;
	fake_hold(f->fakes[0]);
	for (unsigned i = 0; i < FILES; i++)
		waited_start(&w[i], f, i, 0, FILE_BYTES, SOURCE_NOW, 0);
	fake_await(f->fakes[0], 1);
	fake_release(f->fakes[0]);
	for (unsigned i = 0; i < FILES; i++) {
		assert_int_equal(waited_end(&w[i]), 0);
		assert_true(fixture_is_right(f, i, 0, FILE_BYTES));
	}
	assert_int_equal(fake_count(f->fakes[0]), 1);
	assert_int_equal(fake_request(f->fakes[0], 0).len, f->bytes.len);
	fixture_close(f);
}

static void
what_passes_on_the_way_is_kept(void **s)
{
	struct fixture *f = streamed(&usual, 1);

	(void)s;
	assert_int_equal(fixture_want(f, FILES - 1), 0);
	for (unsigned i = 0; i < FILES; i++)
		assert_true(fixture_is_right(f, i, 0, FILE_BYTES));
	assert_int_equal(fake_count(f->fakes[0]), 1);
	fixture_close(f);
}

static void
a_replay_ends_when_nothing_ahead_is_wanted(void **s)
{
	struct fixture *f = streamed(&usual, 1);

	(void)s;
	assert_int_equal(fixture_want(f, 0), 0);
	assert_true(fixture_is_right(f, 0, 0, FILE_BYTES));
	fake_await_end(f->fakes[0]);
	assert_false(fixture_has(f, FILES - 1));
	assert_int_equal(fixture_want(f, FILES - 1), 0);
	assert_int_equal(fake_count(f->fakes[0]), 2);
	fixture_close(f);
}

/* One request at a time: what it has no slot for need not wait for the next. */
static void
a_replay_goes_on_for_who_has_no_slot(void **s)
{
	static const struct fetcher_options one = { .max_requests = 1,
		.decode_threads = 2 };
	struct fixture *f = streamed(&one, 1);

	(void)s;
	assert_int_equal(fixture_want(f, 0), 0);
	assert_true(fixture_is_right(f, 0, 0, FILE_BYTES));
	assert_int_equal(fake_count(f->fakes[0]), 1);
	fixture_close(f);
}

static void
a_fill_needs_one_replay(void **s)
{
	struct fixture *f = streamed(&usual, 1);
	struct waited w;

	(void)s;
	waited_fill(&w, f, 0, f->bytes.len, SOURCE_SOON);
	assert_int_equal(waited_end(&w), 0);
	for (unsigned i = 0; i < FILES; i++)
		assert_true(fixture_is_right(f, i, 0, FILE_BYTES));
	assert_int_equal(fake_count(f->fakes[0]), 1);
	fixture_close(f);
}

static void
a_synchronous_source_is_paused_and_goes_on(void **s)
{
	struct fixture *f = streamed(&usual, 1);

	(void)s;
	fake_set_synchronous(f->fakes[0]);
	assert_int_equal(fixture_want(f, FILES - 1), 0);
	assert_true(fixture_is_right(f, FILES - 1, 0, FILE_BYTES));
	fixture_close(f);
}

static void
a_replay_that_breaks_is_taken_up_by_the_next_source(void **s)
{
	struct fixture *f = streamed(&usual, 2);

	(void)s;
	fake_answer(f->fakes[0],
	    (struct fake_answer){ .code = ETIMEDOUT, .bytes = MIB(1) });
	assert_int_equal(fixture_want(f, FILES - 1), 0);
	assert_true(fixture_is_right(f, FILES - 1, 0, FILE_BYTES));
	assert_int_equal(fake_count(f->fakes[1]), 1);
	fixture_close(f);
}

static void
a_blob_that_stays_damaged_is_given_up(void **s)
{
	struct fixture *f = streamed(&usual, 1);

	(void)s;
	f->bytes.data[MIB(4)] ^= 1;
	assert_int_equal(fixture_want(f, 0), 0);
	assert_int_equal(fixture_want(f, MIB(4) / FILE_BYTES), EBADMSG);
	assert_false(fixture_has(f, MIB(4) / FILE_BYTES));
	fixture_close(f);
}

static void
a_blob_that_ends_early_is_given_up(void **s)
{
	struct fixture *f = fixture_new();

	(void)s;
	for (unsigned i = 0; i < 4; i++)
		fixture_add(f, FILE_BYTES, FILE_BYTES, CHUNK_STREAM);
	gzip_store(&f->bytes, f->contents.data, 3 * FILE_BYTES);
	fixture_open(f, &usual, 1);
	assert_int_equal(fixture_want(f, 3), EBADMSG);
	assert_true(fixture_has(f, 2));
	fixture_close(f);
}

static void
a_blob_of_no_known_format_is_given_up(void **s)
{
	struct fixture *f = fixture_new();

	(void)s;
	fixture_add(f, FILE_BYTES, FILE_BYTES, CHUNK_STREAM);
	buf_append(&f->bytes, "no tar at all", 13, &(struct err){ 0 });
	fixture_open(f, &usual, 1);
	assert_int_equal(fixture_want(f, 0), ENOTSUP);
	fixture_close(f);
}

static void
closing_the_blob_ends_its_replay(void **s)
{
	struct fixture *f = streamed(&usual, 1);
	struct waited w;

	(void)s;
	fake_hold(f->fakes[0]);
	waited_start(&w, f, 0, 0, 1, SOURCE_NOW, WANT_FOREVER);
	fake_await(f->fakes[0], 1);
	blob_unref(f->blob);
	f->blob = NULL;
	assert_int_equal(waited_end(&w), ECANCELED);
	fixture_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_replay_serves_all_who_join),
		cmocka_unit_test(what_passes_on_the_way_is_kept),
		cmocka_unit_test(a_replay_ends_when_nothing_ahead_is_wanted),
		cmocka_unit_test(a_replay_goes_on_for_who_has_no_slot),
		cmocka_unit_test(a_fill_needs_one_replay),
		cmocka_unit_test(a_synchronous_source_is_paused_and_goes_on),
		cmocka_unit_test(
		    a_replay_that_breaks_is_taken_up_by_the_next_source),
		cmocka_unit_test(a_blob_that_stays_damaged_is_given_up),
		cmocka_unit_test(a_blob_that_ends_early_is_given_up),
		cmocka_unit_test(a_blob_of_no_known_format_is_given_up),
		cmocka_unit_test(closing_the_blob_ends_its_replay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
