/* The small readers: times and base 64. */
#include <errno.h>
#include <string.h>

#include "format/testing.h"
#include "format/timestamp.h"
#include "base/base64.h"

static void
times_are_read_to_the_nanosecond_in_any_zone(void **state)
{
	static const struct {
		const char *text;
		int64_t s;
		uint32_t ns;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0, 0 },
		{ "2026-11-21T02:01:53Z", 1795226513, 0 },
		{ "2000-02-29T23:59:59.000000001Z", 951868799, 1 },
		{ "2001-02-03T04:05:06.5+01:30", 981167706, 500000000 },
		{ "2001-02-03T04:05:06.123456789123-01:00", 981176706,
		    123456789 },
		{ "1969-12-31T23:59:59.25Z", -1, 250000000 },
		{ "9999-12-31T23:59:59Z", 253402300799, 0 },
		{ "0001-01-01T00:00:00Z", 0, 0 }, /* Go's "no time" */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err e = ERR_INIT;
		uint32_t ns;
		int64_t s;

		assert_int_equal(timestamp_parse(cases[i].text,
				     strlen(cases[i].text), &s, &ns, &e),
		    0);
		assert_int_equal(s, cases[i].s);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const texts[] = { "", "2026", "2026-11-21",
		"2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z",
		"2026-11-21T02:01:53", "2026-11-21T02:01:53.Z",
		"2026-11-21T02:01:53Zx", "2026-11-21 02:01:53Z",
		"2026-11-21T02:01:53+1:00", "-026-11-21T02:01:53Z" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct err e;
		uint32_t ns;
		int64_t s;

		assert_fails(
		    timestamp_parse(texts[i], strlen(texts[i]), &s, &ns, &e), e,
		    EBADMSG);
	}
}

static void
base_64_is_decoded_and_nothing_else(void **state)
{
	static const char *const good[][2] = { { "", "" }, { "Zg==", "f" },
		{ "Zm8=", "fo" }, { "Zm9v", "foo" }, { "Zm9vYmFy", "foobar" },
		{ "/+8=", "\xff\xef" } };
	static const char *const bad[] = { "Z", "Zg",
		"Zg=", "Z===", "====", "Zg==Zg==", "Z-8=", "Zm 9" };
	AUTO_BUF struct buf b = BUF_INIT(100);
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		b.len = 0;
		assert_int_equal(
		    base64_decode(&b, good[i][0], strlen(good[i][0]), &e), 0);
		assert_string_equal(buf_str(&b), good[i][1]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_fails(
		    base64_decode(&b, bad[i], strlen(bad[i]), &e), e, EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read_to_the_nanosecond_in_any_zone),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(base_64_is_decoded_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
