#include <errno.h>
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

/* Any first request is a slow one. */
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
	d->download.rule = (struct download_rule){ 0, 0, SIZE_MAX };
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
a_slow_request_is_followed_by_parts_at_once(void **state)
{
	struct downloading d;
	uint64_t at;

	(void)state;
	begin(&d);
	assert_int_equal(read_some(&d), 1);
	at = d.got.len + MIB(4);
	fake_await(d.fake, 4);
	for (int i = 1; i < 4; i++) {
		assert_int_equal(fake_request(d.fake, i).off, at);
		assert_int_equal(fake_request(d.fake, i).len, MIB(4));
		at += MIB(4);
	}
	assert_int_equal(read_all(&d), 0);
	assert_int_equal(d.got.len, BLOB_BYTES);
	assert_int_equal(fake_request(d.fake, 0).len, BLOB_BYTES);
	assert_int_equal(fake_count(d.fake), 1 + 7);
	end(&d);
}

static void
a_fast_request_goes_on_alone(void **state)
{
	struct downloading d;

	(void)state;
	begin(&d);
	d.download.rule.after_ns = UINT64_MAX;
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
	assert_int_equal(fake_count(d.fake), 1 + 3);
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
	assert_int_equal(read_some(&d), 1);
	at = d.got.len + MIB(4 + 4 + 1);
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
		cmocka_unit_test(a_slow_request_is_followed_by_parts_at_once),
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
