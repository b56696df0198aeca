#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/patience.h"
#include "base/test.h"

static void
each_word_is_read_and_written_as_it_was(void **state)
{
	static const struct {
		const char *text;
		uint32_t ms;
	} cases[] = {
		{ "fail", 0 },
		{ "forever", UINT32_MAX },
		{ "wait:500ms", 500 },
		{ "wait:30s", 30000 },
		{ "wait:90s", 90000 },
		{ "wait:5m", 300000 },
		{ "wait:2h", 7200000 },
	};
	char out[PATIENCE_TEXT_SIZE];
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t ms = 1;

		assert_int_equal(patience_parse(cases[i].text, &ms, &e), 0);
		assert_int_equal(ms, cases[i].ms);
		assert_string_equal(patience_text(ms, out), cases[i].text);
	}
	assert_string_equal(patience_text(60000, out), "wait:1m");
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const texts[] = { "", "wait", "wait:", "wait:s",
		"wait:0s", "wait:5", "wait:-5s", "wait:5x", "wait:5s ",
		"wait:9999999h", "wait:99999999999999999999s", "never" };
	struct err e = ERR_INIT;
	uint32_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		e = ERR_INIT;
		assert_int_equal(patience_parse(texts[i], &ms, &e), -1);
		assert_int_equal(e.code, EINVAL);
		assert_non_null(strstr(e.msg, "wait:30s"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_word_is_read_and_written_as_it_was),
		cmocka_unit_test(what_is_no_time_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
