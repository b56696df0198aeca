#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "fetch/download.h"
#include "fetch/fake_source.h"
#include "fetch/fetcher.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/hmap.h"
#include "base/limits.h"
#include "base/test.h"

#define BLOB_BYTES (MIB(30) + 5)

struct downloading {
	struct fetcher fetcher; /* as much of it as a download wants */
	uint8_t *blob;
	struct fake *fake;
	struct source *source;
	struct descriptor layer;
	struct download download;
	struct buf got;
	struct err e;
};

/* Parts are tried at once, and pay. */
static void
begin(struct downloading *d)
{
	*d = (struct downloading){ .blob = malloc(BLOB_BYTES) };
	assert_non_null(d->blob);
	for (size_t i = 0; i < BLOB_BYTES; i++)
		d->blob[i] = hash_u64(i / 8) >> i % 8 * 8;
	d->fake = fake_new("fake", d->blob, BLOB_BYTES);
	fake_set_far(d->fake);
	d->source = fake_source(d->fake);
	d->layer.size = BLOB_BYTES;
	buf_init(&d->got, BLOB_BYTES);
	download_init(&d->download, &d->fetcher, d->source, &d->layer, 0);
	d->download.rule =
	    (struct download_rule){ 0, 0, SIZE_MAX, .growth = 1e30, .gain = 0 };
}

static int
read_some(struct downloading *d)
{
	struct parcel *p;
	int rc = download_next(&d->download, &p, &d->e);

	if (rc <= 0)
		return rc;
	assert_int_equal(buf_append(&d->got, p->bytes, p->len, &d->e), 0);
	free(p);
	return 1;
}

static int
read_all(struct downloading *d)
{
	int rc;

	while ((rc = read_some(d)) > 0)
		;
	return rc;
}

static void
end(struct downloading *d)
{
	assert_memory_equal(d->got.data, d->blob, d->got.len);
	download_release(&d->download);
	assert_int_equal(atomic_load(&d->fetcher.ahead_bytes), 0);
	source_unref(d->source);
	buf_release(&d->got);
	free(d->blob);
}

static void
read_until_trial(struct downloading *d)
{
	while (d->download.way == DOWNLOAD_ALONE)
		assert_int_equal(read_some(d), 1);
	assert_int_equal(d->download.way, DOWNLOAD_TRIAL);
	fake_await(d->fake, 2);
}

/* Reads until parts behind the first request were asked for; returns where they
 * begin. */
static uint64_t
read_until_parts(struct downloading *d)
{
	read_until_trial(d);
	/* Or the first request is at its end before. */
	assert_true(intake_has_bytes(&d->download.tail.intake));
	while (d->download.way != DOWNLOAD_IN_PARTS)
		assert_int_equal(read_some(d), 1);
	return d->got.len + MIB(4);
}

static void
assert_asked(struct downloading *d, int i, uint64_t off, uint64_t len)
{
	assert_int_equal(fake_request(d->fake, i).off, off);
	assert_int_equal(fake_request(d->fake, i).len, len);
}

static void
a_tail_that_pays_is_followed_by_parts_at_once(void **state)
{
	const uint64_t tail = BLOB_BYTES - MIB(4);
	struct downloading d;
	uint64_t at;
	int n;

	(void)state;
	begin(&d);
	at = read_until_parts(&d);
	assert_int_equal(read_all(&d), 0);
	assert_int_equal(d.got.len, BLOB_BYTES);
	assert_asked(&d, 0, 0, BLOB_BYTES);
	assert_asked(&d, 1, tail, MIB(4));
	for (n = 2; at + MIB(4) < tail; n++, at += MIB(4))
		assert_asked(&d, n, at, MIB(4));
	assert_asked(&d, n, at, tail - at);
	assert_int_equal(fake_count(d.fake), n + 1);
	end(&d);
}

static void
a_tail_that_does_not_pay_is_not_asked_for_again(void **state)
{
	struct downloading d;

	(void)state;
	begin(&d);
	read_until_trial(&d);
	d.download.rule.gain = 1e30;
	d.download.alone.best = 1;
	assert_int_equal(read_all(&d), 0);
	assert_int_equal(d.got.len, BLOB_BYTES);
	assert_asked(&d, 1, BLOB_BYTES - MIB(4), MIB(4));
	assert_int_equal(fake_count(d.fake), 2);
	end(&d);
}

static void
while_a_request_gets_faster_no_tail_is_tried(void **state)
{
	struct downloading d;

	(void)state;
	begin(&d);
	d.download.rule.growth = NAN; /* no rate is within it */
	assert_int_equal(read_all(&d), 0);
	assert_int_equal(d.got.len, BLOB_BYTES);
	assert_int_equal(fake_count(d.fake), 1);
	end(&d);
}

static void
a_fast_request_goes_on_alone(void **state)
{
	struct downloading d;

	(void)state;
	begin(&d);
	d.download.rule.left_ns = UINT64_MAX;
	assert_int_equal(read_all(&d), 0);
	assert_int_equal(d.got.len, BLOB_BYTES);
	assert_int_equal(fake_count(d.fake), 1);
	end(&d);
}

static void
where_there_are_no_parts_the_first_request_goes_on(void **state)
{
	struct downloading d;

	(void)state;
	begin(&d);
	fake_set_rangeless(d.fake);
	assert_int_equal(read_all(&d), 0);
	assert_int_equal(d.got.len, BLOB_BYTES);
	assert_int_equal(fake_count(d.fake), 1 + 1);
	end(&d);
}

static void
without_memory_ahead_the_first_request_goes_on(void **state)
{
	struct downloading d;

	(void)state;
	begin(&d);
	atomic_store(&d.fetcher.ahead_bytes, MIB(32));
	assert_int_equal(read_all(&d), 0);
	assert_int_equal(d.got.len, BLOB_BYTES);
	assert_int_equal(fake_count(d.fake), 1);
	atomic_store(&d.fetcher.ahead_bytes, 0);
	end(&d);
}

static void
a_part_that_fails_ends_the_download_in_its_turn(void **state)
{
	struct downloading d;
	uint64_t at;

	(void)state;
	begin(&d);
	fake_answer_next(d.fake, (struct fake_answer){ 0 });
	fake_answer_next(d.fake, (struct fake_answer){ 0 });
	fake_answer_next(
	    d.fake, (struct fake_answer){ .code = ETIMEDOUT, .bytes = MIB(1) });
	at = read_until_parts(&d) + MIB(1);
	assert_fails(read_all(&d), d.e, ETIMEDOUT);
	assert_int_equal(d.got.len, at);
	end(&d);
}

static void
a_download_is_given_up_in_the_middle(void **state)
{
	struct downloading d;

	(void)state;
	begin(&d);
	for (int i = 0; i < 300; i++)
		assert_int_equal(read_some(&d), 1);
	end(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tail_that_pays_is_followed_by_parts_at_once),
		cmocka_unit_test(
		    a_tail_that_does_not_pay_is_not_asked_for_again),
		cmocka_unit_test(while_a_request_gets_faster_no_tail_is_tried),
		cmocka_unit_test(a_fast_request_goes_on_alone),
		cmocka_unit_test(
		    where_there_are_no_parts_the_first_request_goes_on),
		cmocka_unit_test(
		    without_memory_ahead_the_first_request_goes_on),
		cmocka_unit_test(
		    a_part_that_fails_ends_the_download_in_its_turn),
		cmocka_unit_test(a_download_is_given_up_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
