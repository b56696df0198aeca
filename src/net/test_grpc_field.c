#include <string.h>

#include "net/grpc_field.h"
#include "net/grpc_message.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/test.h"

/* --- grpc-timeout --- */

static bool
parse(const char *text, uint64_t *ns)
{
	return grpc_timeout_parse((const uint8_t *)text, strlen(text), ns);
}

static void
a_timeout_has_a_number_and_a_unit(void **s)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{ "1n", 1 },
		{ "20u", 20000 },
		{ "300m", 300 * NS_PER_MS },
		{ "4S", 4 * NS_PER_S },
		{ "5M", 300 * NS_PER_S },
		{ "1H", 3600 * NS_PER_S },
		{ "0S", 0 },
		{ "00000001S", NS_PER_S },
	};
	uint64_t ns;

	(void)s;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(parse(cases[i].text, &ns));
		assert_true(ns == cases[i].ns);
	}
}

static void
a_timeout_never_overflows(void **s)
{
	uint64_t ns;

	(void)s;
	assert_true(parse("99999999H", &ns));
	assert_true(ns <= INT64_MAX && ns > INT64_MAX / 2);
}

static void
a_damaged_timeout_is_refused(void **s)
{
	static const char *const bad[] = { "", "1", "S", "1x", "-1S", "1 S",
		"123456789S", "1.5S", "S1", "1SS" };
	uint64_t ns;

	(void)s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(parse(bad[i], &ns));
}

static void
a_timeout_that_was_written_is_read_again_and_no_shorter(void **s)
{
	static const uint64_t values[] = { 1, 99999999, 100000001, NS_PER_S,
		86400 * NS_PER_S, 123456789 * NS_PER_S };
	char text[GRPC_TIMEOUT_SIZE];
	uint64_t ns;

	(void)s;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		grpc_timeout_format(text, values[i]);
		assert_true(parse(text, &ns));
		assert_true(ns >= values[i]);
		assert_true(ns - values[i] <= values[i] / 1000000 + 1000);
	}
}

/* --- grpc-message --- */

static void
a_text_survives_the_wire(void **s)
{
	static const char *const texts[] = { "", "plain", "100 %",
		"Gr\xc3\xbc\xc3\x9f"
		"e\n\x01\x7f",
		"%41" };
	char wire[GRPC_TEXT_SIZE], back[LIMIT_GRPC_STATUS_BYTES + 1];

	(void)s;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t n = grpc_text_encode(wire, texts[i]);

		assert_int_equal(n, strlen(wire));
		for (size_t k = 0; k < n; k++)
			assert_in_range(wire[k], ' ', '~');
		grpc_text_decode(back, (const uint8_t *)wire, n);
		assert_string_equal(back, texts[i]);
	}
}

static void
a_long_text_is_cut(void **s)
{
	char text[LIMIT_GRPC_STATUS_BYTES + 100], wire[GRPC_TEXT_SIZE];
	char back[LIMIT_GRPC_STATUS_BYTES + 1];

	(void)s;
	memset(text, '%', sizeof text - 1);
	text[sizeof text - 1] = 0;
	assert_int_equal(grpc_text_encode(wire, text), GRPC_TEXT_SIZE - 1);
	assert_int_equal(
	    grpc_text_decode(back, (const uint8_t *)wire, strlen(wire)),
	    LIMIT_GRPC_STATUS_BYTES);
	assert_int_equal(
	    grpc_text_decode(back, (const uint8_t *)text, sizeof text - 1),
	    LIMIT_GRPC_STATUS_BYTES);
}

static void
a_damaged_text_stays_as_it_is(void **s)
{
	char back[LIMIT_GRPC_STATUS_BYTES + 1];

	(void)s;
	grpc_text_decode(back, (const uint8_t *)"%4g%", 4);
	assert_string_equal(back, "%4g%");
	grpc_text_decode(back, (const uint8_t *)"a%00b", 5);
	assert_string_equal(back, "a");
}

/* --- the caller's own --- */

static void
add(struct grpc_fields *f, const char *name, const char *value)
{
	grpc_fields_add(f, (const uint8_t *)name, strlen(name),
	    (const uint8_t *)value, strlen(value));
}

static void
only_the_callers_own_fields_are_kept(void **s)
{
	struct grpc_fields f = { 0 };

	(void)s;
	add(&f, ":authority", "localhost");
	add(&f, "te", "trailers");
	add(&f, "grpc-encoding", "gzip");
	add(&f, "user-agent", "x");
	add(&f, "", "x");
	add(&f, "Upper", "x");
	add(&f, "a b", "x");
	add(&f, "a", "line\nbreak");
	assert_int_equal(f.n, 0);
	add(&f, "traceparent", "00-1");
	add(&f, "empty", "");
	assert_int_equal(f.n, 2);
	assert_string_equal(f.list[0].name, "traceparent");
	assert_string_equal(f.list[0].value, "00-1");
	assert_string_equal(f.list[1].value, "");
	grpc_fields_release(&f);
	assert_int_equal(f.n, 0);
}

static void
what_does_not_fit_is_left_out(void **s)
{
	struct grpc_fields f = { 0 };
	char value[3000];

	(void)s;
	memset(value, 'x', sizeof value - 1);
	value[sizeof value - 1] = 0;
	add(&f, "a", value);
	add(&f, "b", value);
	add(&f, "c", value);
	add(&f, "d", "small");
	assert_int_equal(f.n, 3);
	assert_string_equal(f.list[2].name, "d");
	assert_true(f.bytes <= LIMIT_GRPC_METADATA_BYTES);
	grpc_fields_release(&f);
}

/* --- messages --- */

static enum grpc_status
feed(struct grpc_message *m, const void *p, size_t n)
{
	const char *why;

	return grpc_message_add(m, p, n, &why);
}

static void
a_message_may_come_byte_by_byte(void **s)
{
	static const uint8_t wire[] = "\0\0\0\0\3abc";
	struct grpc_message m;
	size_t n;

	(void)s;
	grpc_message_init(&m);
	for (size_t i = 0; i < 8; i++) {
		assert_false(grpc_message_is_whole(&m));
		assert_int_equal(feed(&m, wire + i, 1), GRPC_OK);
	}
	assert_true(grpc_message_is_whole(&m));
	assert_memory_equal(grpc_message_bytes(&m, &n), "abc", 3);
	assert_int_equal(n, 3);
	assert_int_equal(feed(&m, "x", 1), GRPC_UNIMPLEMENTED);
	grpc_message_release(&m);
}

static void
an_empty_message_is_whole(void **s)
{
	struct grpc_message m;
	uint8_t prefix[GRPC_PREFIX_BYTES];
	size_t n;

	(void)s;
	grpc_message_init(&m);
	assert_false(grpc_message_is_whole(&m));
	grpc_message_put_prefix(prefix, 0);
	assert_int_equal(feed(&m, prefix, sizeof prefix), GRPC_OK);
	assert_true(grpc_message_is_whole(&m));
	assert_null(grpc_message_bytes(&m, &n));
	assert_int_equal(n, 0);
	grpc_message_release(&m);
}

static void
what_a_prefix_announces_is_checked_before_the_rest_is_kept(void **s)
{
	static const struct {
		const char *wire;
		enum grpc_status status;
	} cases[] = {
		{ "\1\0\0\0\1xxxxx", GRPC_UNIMPLEMENTED },
		{ "\2\0\0\0\1xxxxx", GRPC_INTERNAL },
		{ "\0\1\0\0\1xxxxx", GRPC_RESOURCE_EXHAUSTED },
		{ "\0\xff\xff\xff\xffxxxxx", GRPC_RESOURCE_EXHAUSTED },
		{ "\0\0\0\0\1xxxxx", GRPC_UNIMPLEMENTED },
		{ "\0\1\0\0\0xxxxx", GRPC_OK },
	};

	(void)s;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct grpc_message m;

		grpc_message_init(&m);
		assert_int_equal(feed(&m, cases[i].wire, 10), cases[i].status);
		grpc_message_release(&m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timeout_has_a_number_and_a_unit),
		cmocka_unit_test(a_timeout_never_overflows),
		cmocka_unit_test(a_damaged_timeout_is_refused),
		cmocka_unit_test(
		    a_timeout_that_was_written_is_read_again_and_no_shorter),
		cmocka_unit_test(a_text_survives_the_wire),
		cmocka_unit_test(a_long_text_is_cut),
		cmocka_unit_test(a_damaged_text_stays_as_it_is),
		cmocka_unit_test(only_the_callers_own_fields_are_kept),
		cmocka_unit_test(what_does_not_fit_is_left_out),
		cmocka_unit_test(a_message_may_come_byte_by_byte),
		cmocka_unit_test(an_empty_message_is_whole),
		cmocka_unit_test(
		    what_a_prefix_announces_is_checked_before_the_rest_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
