#include <stdbool.h>
#include <string.h>

#include "base/test.h"
#include "base/utf8.h"

static size_t
length(const char *text)
{
	return utf8_length((const uint8_t *)text, strlen(text));
}

static void
every_code_point_is_written_as_it_is_read(void **s)
{
	(void)s;
	for (uint32_t c = 0; c <= 0x110000; c++) {
		bool has_none = (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF;
		uint8_t out[4];
		size_t n = utf8_encode(c, out);

		if (has_none)
			assert_int_equal(n, 0);
		else
			assert_int_equal(utf8_length(out, n), n);
	}
}

static void
what_is_no_utf8_is_refused(void **s)
{
	static const char *const bad[] = { "\x80", "\xBF", "\xC0\x80",
		"\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80",
		"\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
		"\xFF", "\xC3(", "\xE2\x82(", "\xF0\x9F\x90(" };

	(void)s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(length(bad[i]), 0);
}

static void
a_cut_sequence_is_refused_and_not_read_past(void **s)
{
	const uint8_t whale[4] = { 0xF0, 0x9F, 0x90, 0xB3 };

	(void)s;
	for (size_t n = 0; n < 4; n++)
		assert_int_equal(utf8_length(whale, n), 0);
	assert_int_equal(utf8_length(whale, 4), 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_is_written_as_it_is_read),
		cmocka_unit_test(what_is_no_utf8_is_refused),
		cmocka_unit_test(a_cut_sequence_is_refused_and_not_read_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
