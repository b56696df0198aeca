#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/doc.h"
#include "base/limits.h"
#include "base/test.h"
#include "base/toml.h"

static void
assert_reads_as(const char *toml, const char *json)
{
	struct err e = ERR_INIT;
	AUTO_DOC struct doc *j = toml_parse(toml, strlen(toml), &e);

	if (j == NULL)
		fail_msg("%s: %s", toml, e.msg);
	AUTO_FREE char *got = doc_to_json(j, false);
	assert_string_equal(got, json);
}

static void
assert_refused(const char *toml, int line)
{
	struct err e = ERR_INIT;
	AUTO_DOC struct doc *j = toml_parse(toml, strlen(toml), &e);
	char where[32];

	if (j != NULL)
		fail_msg("was read: %s", toml);
	snprintf(where, sizeof where, "line %d: ", line);
	if (strncmp(e.msg, where, strlen(where)) != 0)
		fail_msg("%s: not on line %d: %s", toml, line, e.msg);
	assert_int_equal(e.code, EBADMSG);
}

static void
an_empty_file_is_an_empty_table(void **s)
{
	(void)s;
	assert_reads_as("", "{}");
	assert_reads_as("# only a comment", "{}");
	assert_reads_as("\r\n \t\n", "{}");
}

static void
strings_of_all_four_kinds(void **s)
{
	(void)s;
	assert_reads_as(
	    "a = \"\\u00e9\\t\\\"\\\\\"", "{\"a\":\"é\\t\\\"\\\\\"}");
	assert_reads_as("a = 'C:\\x'", "{\"a\":\"C:\\\\x\"}");
	assert_reads_as("a = \"\"\"\n x \\\n\n   y\"\"\"", "{\"a\":\" x y\"}");
	assert_reads_as("a = '''\r\nx\r\ny'''", "{\"a\":\"x\\ny\"}");
	assert_reads_as(
	    "a = \"\"\"\"\"x\"\"\"\"\"", "{\"a\":\"\\\"\\\"x\\\"\\\"\"}");
	assert_reads_as("a = ''", "{\"a\":\"\"}");
	assert_reads_as("a = \"\"\"\"\"\"", "{\"a\":\"\"}");
}

static void
numbers_are_whole_in_four_bases(void **s)
{
	(void)s;
	assert_reads_as("a = [0, +1, -1, 1_000, 0xfF, 0o17, 0b101]",
	    "{\"a\":[0,1,-1,1000,255,15,5]}");
	assert_reads_as(
	    "a = 9223372036854775807", "{\"a\":9223372036854775807}");
	assert_reads_as(
	    "a = -9223372036854775808", "{\"a\":-9223372036854775808}");
}

static void
what_is_no_whole_number_is_refused(void **s)
{
	static const char *const bad[] = { "1.5", "1e3", "inf", "nan", "01",
		"1__0", "_1", "1_", "0x", "0xg", "-0x1", "0b2", "0o8", "+",
		"9223372036854775808", "-9223372036854775809", "12a",
		"1979-05-27", "07:32:00", "True", "tru" };

	(void)s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[64];

		snprintf(text, sizeof text, "\na = %s", bad[i]);
		assert_refused(text, 2);
	}
}

static void
tables_nest_by_headers_and_dots(void **s)
{
	(void)s;
	assert_reads_as("[a.b]\nc = 1\n[a]\nd.e = 2\nd.f = 3\n[a.\"x y\".z]",
	    "{\"a\":{\"b\":{\"c\":1},\"d\":{\"e\":2,\"f\":3},"
	    "\"x y\":{\"z\":{}}}}");
	assert_reads_as("a . 'b'.1 = true", "{\"a\":{\"b\":{\"1\":true}}}");
	assert_reads_as("a = { b.c = 1, d = [ { e = false } ] }",
	    "{\"a\":{\"b\":{\"c\":1},\"d\":[{\"e\":false}]}}");
}

static void
arrays_of_tables_grow(void **s)
{
	(void)s;
	assert_reads_as("[[a]]\nx = 1\n[[a.b]]\n[[a.b]]\ny = 2\n[[a]]\n[a.c]",
	    "{\"a\":[{\"x\":1,\"b\":[{},{\"y\":2}]},{\"c\":{}}]}");
}

static void
arrays_span_lines_and_end_with_a_comma(void **s)
{
	(void)s;
	assert_reads_as(
	    "a = [ # first\n 1, # second\n\n 2,\n]", "{\"a\":[1,2]}");
	assert_reads_as("a = [[], [\n]]", "{\"a\":[[],[]]}");
}

static void
nothing_is_defined_twice(void **s)
{
	(void)s;
	assert_refused("a = 1\na = 2", 2);
	assert_refused("a = 1\n'a' = 2", 2);
	assert_refused("[a]\n[a]", 2);
	assert_refused("a = 1\n[a]", 2);
	assert_refused("a = 1\na.b = 2", 2);
	assert_refused("a.b = 1\n[a]", 2);
	assert_refused("[a.b.c]\n[a]\nb.d = 1", 3);
	assert_refused("a = {}\n[a.b]", 2);
	assert_refused("a = { b = {} }\na.b.c = 1", 2);
	assert_refused("a = []\n[[a]]", 2);
	assert_refused("a = [{}]\n[a.b]", 2);
	assert_refused("[a]\n[[a]]", 2);
	assert_refused("[[a]]\n[a]", 2);
	assert_refused("[a.b]\n[[a]]", 2);
	assert_refused("a = { b = 1, b = 2 }", 1);
}

static void
broken_text_is_refused_where_it_breaks(void **s)
{
	static const char *const bad[] = { "a", "a =", "= 1", "a = 1 b = 2",
		"[a", "[a]]", "[]", "[[a]", "[a.]", "[.a]", "a..b = 1",
		"a = \"x", "a = \"x\ny\"", "a = 'x", "a = '''x", "a = \"\"\"x",
		"a = \"\\x\"", "a = \"\\u12\"", "a = \"\\uD800\"",
		"a = \"\\u0000\"", "a = \"\\U00110000\"", "a = [1 2]",
		"a = [,]", "a = {,}", "a = {b = 1,}", "a = {b = 1",
		"a = \"\x01\"", "# \x01", "a = '\x7f'", "a = \xff", "\xff",
		"a = \"\xed\xa0\x80\"", "a = 1\rb = 2", "\xc3\xa9 = 1",
		"[a] b = 1", "a = {\nb = 1}" };

	(void)s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = ERR_INIT;
		struct doc *j = toml_parse(bad[i], strlen(bad[i]), &e);

		if (j != NULL)
			fail_msg("was read: %s", bad[i]);
		assert_int_equal(e.code, EBADMSG);
		assert_int_equal(strncmp(e.msg, "line ", 5), 0);
	}
	assert_refused("a = 1\nb = [\n1,\n2 3\n]", 4);
}

static void
a_nul_byte_is_refused(void **s)
{
	struct err e;

	(void)s;
	assert_null_with(toml_parse("a\0 = 1", 6, &e), e, EBADMSG);
	assert_null_with(toml_parse("a = 1\0", 6, &e), e, EBADMSG);
	assert_null_with(toml_parse("a = '\0'", 7, &e), e, EBADMSG);
}

/* `part` repeated is refused for its depth. */
static void
assert_depth(const char *before, const char *part, const char *after)
{
	AUTO_BUF struct buf b = BUF_INIT(KIB(64));
	struct err e = ERR_INIT;

	buf_append_str(&b, before, &e);
	for (int i = 0; i < 4 * LIMIT_JSON_DEPTH; i++)
		buf_append_str(&b, part, &e);
	buf_append_str(&b, after, &e);
	assert_null_with(
	    toml_parse((const char *)b.data, b.len, &e), e, EBADMSG);
	assert_non_null(strstr(e.msg, "deeper"));
}

static void
nesting_ends_at_the_limit(void **s)
{
	(void)s;
	assert_depth("a = ", "[", "");
	assert_depth("a = ", "{a.a.a=", "1");
	assert_depth("", "a.", "a = 1");
	assert_depth("[", "a.", "a]");
	assert_depth("[a]\nb = ", "{c=[", "");
}

static void
a_file_over_the_limit_is_refused(void **s)
{
	AUTO_FREE char *text = malloc(LIMIT_CONFIG_FILE_BYTES + 1);
	struct err e;

	(void)s;
	memset(text, '\n', LIMIT_CONFIG_FILE_BYTES + 1);
	assert_null_with(
	    toml_parse(text, LIMIT_CONFIG_FILE_BYTES + 1, &e), e, E2BIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_is_an_empty_table),
		cmocka_unit_test(strings_of_all_four_kinds),
		cmocka_unit_test(numbers_are_whole_in_four_bases),
		cmocka_unit_test(what_is_no_whole_number_is_refused),
		cmocka_unit_test(tables_nest_by_headers_and_dots),
		cmocka_unit_test(arrays_of_tables_grow),
		cmocka_unit_test(arrays_span_lines_and_end_with_a_comma),
		cmocka_unit_test(nothing_is_defined_twice),
		cmocka_unit_test(broken_text_is_refused_where_it_breaks),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(nesting_ends_at_the_limit),
		cmocka_unit_test(a_file_over_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
