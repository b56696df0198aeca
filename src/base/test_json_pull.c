#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json_pull.h"
#include "base/limits.h"
#include "base/test.h"

/* The tokens of a text, a line each; "failed" at the end where it fails. */
static const char *
tokens(const char *text, size_t n, struct buf *out)
{
	static const char *const names[] = { "end", "{", "}", "[", "]", "key",
		"text", "number", "true", "false", "null" };
	struct json_pull r;
	struct err e = ERR_INIT;
	enum json_token t;

	out->len = 0;
	json_pull_init(&r, text, n);
	do {
		t = json_pull_next(&r, &e);
		buf_append_str(out, t < 0 ? "failed" : names[t], &e);
		if (t == JSON_KEY || t == JSON_TEXT)
			buf_printf(out, &e, "(%s)", r.text);
		if (t == JSON_NUMBER)
			buf_printf(out, &e, "(%jd%s)", (intmax_t)r.number,
			    r.is_integer ? "" : "?");
		buf_append_str(out, " ", &e);
	} while (t > JSON_END);
	json_pull_release(&r);
	return buf_str(out);
}

static void
assert_tokens(const char *text, const char *expected)
{
	AUTO_BUF struct buf out = BUF_INIT(MIB(1));

	assert_string_equal(tokens(text, strlen(text), &out), expected);
}

static void
assert_refused(const char *text, size_t n)
{
	AUTO_BUF struct buf out = BUF_INIT(MIB(1));
	const char *got = tokens(text, n, &out);

	if (strstr(got, "failed ") == NULL)
		fail_msg("was read: %.*s", (int)n, text);
}

static void
tokens_come_in_order(void **s)
{
	(void)s;
	assert_tokens(" {\"a\": [1, true,null , false], \"b\":{}} \n",
	    "{ key(a) [ number(1) true null false ] key(b) { } } end ");
	assert_tokens("[]", "[ ] end ");
	assert_tokens("\"x\"", "text(x) end ");
	assert_tokens("-1", "number(-1) end ");
	assert_tokens("[[],[{}]]", "[ [ ] [ { } ] ] end ");
}

static void
escapes_are_decoded(void **s)
{
	(void)s;
	assert_tokens(
	    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "text(\"\\/\b\f\n\r\t) end ");
	assert_tokens("\"\\u00e9\\u65E5\\ud83d\\udc33\"",
	    "text(\xC3\xA9\xE6\x97\xA5\xF0\x9F\x90\xB3) end ");
}

static void
a_lone_surrogate_becomes_the_replacement_character(void **s)
{
	(void)s;
	assert_tokens("\"\\ud800\"", "text(\xEF\xBF\xBD) end ");
	assert_tokens("\"\\udc00x\"", "text(\xEF\xBF\xBDx) end ");
	assert_tokens("\"\\ud800\\u0041\"", "text(\xEF\xBF\xBD"
					    "A) end ");
	assert_tokens("\"\\ud800\\n\"", "text(\xEF\xBF\xBD\n) end ");
}

static void
bytes_that_are_no_utf8_pass_through(void **s)
{
	(void)s;
	assert_tokens("\"latin1-\xE9\xFF\"", "text(latin1-\xE9\xFF) end ");
}

static void
numbers_beyond_int64_and_fractions_are_no_integers(void **s)
{
	(void)s;
	assert_tokens("[9223372036854775807,-9223372036854775808,-0]",
	    "[ number(9223372036854775807) number(-9223372036854775808) "
	    "number(0) ] end ");
	assert_tokens("[9223372036854775808,-9223372036854775809,1.0,1e2,"
		      "0E-1,123456789012345678901234567890]",
	    "[ number(0?) number(0?) number(0?) number(0?) number(0?) "
	    "number(0?) ] end ");
}

static void
what_is_no_json_is_refused(void **s)
{
	static const char *const bad[] = { "", " ", "{", "[", "}", "]", "[1",
		"[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}",
		"{\"a\":1,}", "{,}", "{1:2}", "{\"a\" 1}", "{\"a\":1 \"b\":2}",
		"[1}", "{\"a\":1]", "tru", "truth", "nul", "True", "01", "-",
		"+1", "1.", ".5", "1e", "1e+", "0x1", "--1", "1 2", "[] []",
		"\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u\"",
		"\"\\u0000\"", "\"\n\"", "\"\x1f\"", "'a'", "// x",
		"\xEF\xBB\xBF[]", "[\"a\",\n\"b", "{\"a\":\"b\"",
		"[\"\\ud800\\u\"]" };

	(void)s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(bad[i], strlen(bad[i]));
	assert_refused("\"a\0b\"", 5);
	assert_refused("1\0", 2);
}

static void
a_text_cut_anywhere_is_refused(void **s)
{
	static const char whole[] = "{\"a\\u00e9\":[1,-2,{\"long enough for a "
				    "word\":\"x\"},true,null],\"b\":\"\\n\"}";

	(void)s;
	for (size_t n = 0; n < sizeof whole - 1; n++) {
		/* on the heap: a read past its end is seen by asan */
		AUTO_FREE char *part = malloc(n ? n : 1);

		memcpy(part, whole, n);
		assert_refused(part, n);
	}
}

static void
an_error_names_the_position(void **s)
{
	struct json_pull r;
	struct err e = ERR_INIT;

	(void)s;
	json_pull_init(&r, "[1, x]", 6);
	assert_int_equal(json_pull_next(&r, &e), JSON_BEGIN_ARRAY);
	assert_int_equal(json_pull_next(&r, &e), JSON_NUMBER);
	assert_fails(json_pull_next(&r, &e), e, EBADMSG);
	assert_string_equal(
	    e.msg, "JSON at byte 4: 0x78 where a value should be");
	assert_fails(json_pull_next(&r, &e), e, EBADMSG);
	json_pull_release(&r);
}

static void
a_special_byte_is_seen_wherever_it_stands_in_a_word(void **s)
{
	(void)s;
	for (int at = 0; at < 24; at++) {
		char text[64], expected[96];

		snprintf(text, sizeof text, "\"%.*s\\t%.*s\"", at,
		    "abcdefghijklmnopqrstuvwxyz", 24 - at,
		    "\x7f\x80\xff!#[]^abcdefghijklmnop");
		snprintf(expected, sizeof expected, "text(%.*s\t%.*s) end ", at,
		    "abcdefghijklmnopqrstuvwxyz", 24 - at,
		    "\x7f\x80\xff!#[]^abcdefghijklmnop");
		assert_tokens(text, expected);
		text[1 + at] = '\n';
		assert_refused(text, strlen(text));
	}
}

static void
nesting_ends_at_the_limit(void **s)
{
	char text[2 * LIMIT_JSON_DEPTH + 2];
	AUTO_BUF struct buf out = BUF_INIT(MIB(1));
	int n = LIMIT_JSON_DEPTH;

	(void)s;
	memset(text, '[', n);
	memset(text + n, ']', n);
	assert_null(strstr(tokens(text, 2 * n, &out), "failed"));
	memset(text, '[', n + 1);
	memset(text + n + 1, ']', n + 1);
	assert_refused(text, 2 * n + 2);
}

static void
a_string_ends_at_the_limit(void **s)
{
	size_t n = LIMIT_JSON_STRING_BYTES;
	AUTO_FREE char *text = malloc(n + 3);
	struct json_pull r;
	struct err e;

	(void)s;
	memset(text, 'a', n + 3);
	text[0] = text[n + 1] = '"';
	json_pull_init(&r, text, n + 2);
	assert_int_equal(json_pull_next(&r, &e), JSON_TEXT);
	assert_int_equal(r.text_len, n);
	assert_int_equal(r.text[n], 0);
	json_pull_release(&r);
	text[n + 1] = 'a';
	text[n + 2] = '"';
	json_pull_init(&r, text, n + 3);
	assert_fails(json_pull_next(&r, &e), e, EBADMSG);
	json_pull_release(&r);
}

static void
a_value_is_skipped_whole(void **s)
{
	static const char text[] =
	    "{\"a\":{\"x\":[1,{\"y\":[]}]},\"b\":\"\\n\",\"c\":3}";
	struct json_pull r;
	struct err e = ERR_INIT;

	(void)s;
	json_pull_init(&r, text, sizeof text - 1);
	assert_int_equal(json_pull_next(&r, &e), JSON_BEGIN_OBJECT);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(json_pull_next(&r, &e), JSON_KEY);
		assert_int_equal(json_pull_skip(&r, &e), 0);
	}
	assert_int_equal(json_pull_next(&r, &e), JSON_KEY);
	assert_string_equal(r.text, "c");
	int64_t v;
	assert_int_equal(json_pull_integer(&r, &v, &e), 0);
	assert_int_equal(v, 3);
	assert_int_equal(json_pull_next(&r, &e), JSON_END_OBJECT);
	assert_int_equal(json_pull_next(&r, &e), JSON_END);
	assert_int_equal(json_pull_next(&r, &e), JSON_END);
	json_pull_release(&r);
}

static void
a_list_has_nothing_to_skip_at_its_end(void **s)
{
	struct json_pull r;
	struct err e = ERR_INIT;

	(void)s;
	json_pull_init(&r, "[]", 2);
	assert_int_equal(json_pull_next(&r, &e), JSON_BEGIN_ARRAY);
	assert_fails(json_pull_skip(&r, &e), e, EBADMSG);
	json_pull_release(&r);
}

static void
a_value_of_another_kind_is_refused(void **s)
{
	struct json_pull r;
	struct err e;
	int64_t v;

	(void)s;
	json_pull_init(&r, "1", 1);
	assert_fails(json_pull_text(&r, &e), e, EBADMSG);
	json_pull_release(&r);
	json_pull_init(&r, "\"1\"", 3);
	assert_fails(json_pull_integer(&r, &v, &e), e, EBADMSG);
	json_pull_release(&r);
	json_pull_init(&r, "1.5", 3);
	assert_fails(json_pull_integer(&r, &v, &e), e, EBADMSG);
	json_pull_release(&r);
	json_pull_init(&r, "\"t\"", 3);
	assert_int_equal(json_pull_text(&r, &e), 0);
	assert_string_equal(r.text, "t");
	json_pull_release(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_come_in_order),
		cmocka_unit_test(escapes_are_decoded),
		cmocka_unit_test(
		    a_lone_surrogate_becomes_the_replacement_character),
		cmocka_unit_test(bytes_that_are_no_utf8_pass_through),
		cmocka_unit_test(
		    numbers_beyond_int64_and_fractions_are_no_integers),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(a_text_cut_anywhere_is_refused),
		cmocka_unit_test(an_error_names_the_position),
		cmocka_unit_test(
		    a_special_byte_is_seen_wherever_it_stands_in_a_word),
		cmocka_unit_test(nesting_ends_at_the_limit),
		cmocka_unit_test(a_string_ends_at_the_limit),
		cmocka_unit_test(a_value_is_skipped_whole),
		cmocka_unit_test(a_list_has_nothing_to_skip_at_its_end),
		cmocka_unit_test(a_value_of_another_kind_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
