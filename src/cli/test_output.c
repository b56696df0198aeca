#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "base/doc.h"
#include "base/test.h"

static void
a_share_is_whole_or_nothing_only_when_it_is(void **state)
{
	(void)state;
	assert_string_equal(SHARE_TEXT(0, 10), "0%");
	assert_string_equal(SHARE_TEXT(-1, 10), "0%");
	assert_string_equal(SHARE_TEXT(1, 1000), "<1%");
	assert_string_equal(SHARE_TEXT(45, 100), "45%");
	assert_string_equal(SHARE_TEXT(INT64_MAX - 1, INT64_MAX), "99%");
	assert_string_equal(SHARE_TEXT(10, 10), "100%");
	assert_string_equal(SHARE_TEXT(0, 0), "100%");
	assert_string_equal(SHARE_TEXT(11, 10), "100%");
}

static void
ages_are_in_the_largest_unit(void **state)
{
	(void)state;
	assert_string_equal(AGE_TEXT(-3), "just now");
	assert_string_equal(AGE_TEXT(0), "just now");
	assert_string_equal(AGE_TEXT(1), "1 second ago");
	assert_string_equal(AGE_TEXT(119), "1 minute ago");
	assert_string_equal(AGE_TEXT(7200), "2 hours ago");
	assert_string_equal(AGE_TEXT(3 * 86400), "3 days ago");
	assert_non_null(strstr(AGE_TEXT(INT64_MAX), " years ago"));
}

static void
digests_are_shown_by_their_first_digits(void **state)
{
	(void)state;
	assert_string_equal(
	    SHORT_DIGEST("sha256:0123456789abcdef"), "0123456789ab");
	assert_string_equal(SHORT_DIGEST("abc"), "abc");
	assert_string_equal(SHORT_DIGEST(NULL), "");
}

static void
assert_safe(const char *text, const char *shown)
{
	AUTO_BUF struct buf b = BUF_INIT(1024);

	output_append_safe(&b, text);
	assert_string_equal(buf_str(&b), shown);
}

static void
nothing_that_moves_a_cursor_is_shown(void **state)
{
	(void)state;
	assert_safe("plain", "plain");
	assert_safe("\033[2J\r\n\t\177", "?[2J????");
	assert_safe("\xC2\x9B"
		    "2J",
	    "??2J"); /* C1: CSI in one character */
	assert_safe("gr\xC3\xBC\xC3\x9F", "gr\xC3\xBC\xC3\x9F");
	assert_safe("cut \xE2\x82", "cut ??");
	assert_safe("\xC0\xAF\xFF", "???");
}

static void
columns_are_characters(void **state)
{
	(void)state;
	assert_int_equal(output_width(""), 0);
	assert_int_equal(output_width("abc"), 3);
	assert_int_equal(output_width("gr\xC3\xBC\xC3\x9F"), 4);
}

/* What table_print() writes; the caller frees. */
static char *
printed(const struct table *t)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	table_print(t, f);
	fclose(f);
	return text;
}

static void
a_table_aligns_its_columns(void **state)
{
	static const char *const heads[] = { "NAME", "N", "WHY" };
	static const char *const cells[] = { "gr\xC3\xBC\xC3\x9F-", "7", "",
		"a", "1234", "because" };
	AUTO_TABLE struct table t;

	(void)state;
	table_init(&t, heads, 3, 1 << 1);
	for (size_t i = 0; i < 6; i++)
		table_add(&t, cells[i]);
	AUTO_FREE char *text = printed(&t);

	assert_string_equal(text, "NAME      N  WHY\n"
				  "gr\xC3\xBC\xC3\x9F-     7\n"
				  "a      1234  because\n");
}

static void
a_row_that_is_not_complete_is_not_printed(void **state)
{
	AUTO_TABLE struct table t;

	(void)state;
	table_init(&t, NULL, 2, 0);
	table_add(&t, "a");
	table_add(&t, NULL);
	table_add(&t, "b");
	AUTO_FREE char *text = printed(&t);

	assert_string_equal(text, "a\n");
}

static void
a_line_is_cut_between_characters(void **state)
{
	char text[] = "gr\xC3\xBC\xC3\x9F-";

	(void)state;
	output_cut(text, 5);
	assert_string_equal(text, "gr\xC3\xBC\xC3\x9F-");
	output_cut(text, 3);
	assert_string_equal(text, "gr\xC3\xBC");
}

static void
a_state_says_since_when_it_is_one(void **state)
{
	AUTO_DOC struct doc *m = doc_new_object();
	char out[OUTPUT_STATE];

	(void)state;
	setenv("TZ", "UTC", 1);
	assert_string_equal(output_state(m, out), "");
	doc_set_string(m, "state", "ok");
	assert_string_equal(output_state(m, out), "ok");
	doc_set_string(m, "state", "unreachable");
	doc_set_int(m, "unreachable_since", 86400 + 3600);
	assert_string_equal(
	    output_state(m, out), "unreachable since 1970-01-02 01:00");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_share_is_whole_or_nothing_only_when_it_is),
		cmocka_unit_test(ages_are_in_the_largest_unit),
		cmocka_unit_test(digests_are_shown_by_their_first_digits),
		cmocka_unit_test(nothing_that_moves_a_cursor_is_shown),
		cmocka_unit_test(columns_are_characters),
		cmocka_unit_test(a_line_is_cut_between_characters),
		cmocka_unit_test(a_state_says_since_when_it_is_one),
		cmocka_unit_test(a_table_aligns_its_columns),
		cmocka_unit_test(a_row_that_is_not_complete_is_not_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
