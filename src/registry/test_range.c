#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/range.h"
#include "registry/status.h"
#include "registry/token.h"
#include "net/head.h"
#include "base/err.h"
#include "base/test.h"

/* What a host answers to bytes 10-19 of a blob of 100. */
static const struct {
	const char *head; /* lines apart by | */
	bool was_asked;
	int code; /* 0: taken */
	enum range_verdict verdict;
	uint64_t skip, take;
} table[] = {
	{ "206|Content-Range: bytes 10-19/100", true, 0, RANGE_TAKE, 0, 10 },
	{ "206|Content-Range: bytes 10-19/*", true, 0, RANGE_TAKE, 0, 10 },
	{ "206|Content-Range: bytes 10-12/100", true, 0, RANGE_TAKE, 0, 3 },
	{ "206|Content-Range: bytes 10-20/100", true, EPROTO, 0, 0, 0 },
	{ "206|Content-Range: bytes 9-19/100", true, EPROTO, 0, 0, 0 },
	{ "206|Content-Range: bytes 11-19/100", true, EPROTO, 0, 0, 0 },
	{ "206|Content-Range: bytes 10-19/101", true, EPROTO, 0, 0, 0 },
	{ "206|Content-Range: bytes */100", true, EPROTO, 0, 0, 0 },
	{ "206", true, EPROTO, 0, 0, 0 },
	{ "206|Content-Range: bytes 10-19/100|Content-Length: 9", true, EPROTO,
	    0, 0, 0 },
	{ "206|Content-Range: bytes 10-19/100", false, EPROTO, 0, 0, 0 },
	{ "200", true, 0, RANGE_TAKE, 10, 10 },
	{ "200|Content-Length: 100", true, 0, RANGE_TAKE, 10, 10 },
	{ "200|Content-Length: 10", true, EPROTO, 0, 0, 0 },
	{ "200|Content-Type: text/html; charset=x", true, EPROTO, 0, 0, 0 },
	{ "416", true, EPROTO, 0, 0, 0 },
	{ "416|Content-Range: bytes */100", true, EPROTO, 0, 0, 0 },
	{ "416|Content-Range: bytes */7", true, ENOENT, 0, 0, 0 },
	{ "400", true, 0, RANGE_ASK_WHOLE, 0, 0 },
	{ "501", true, 0, RANGE_ASK_WHOLE, 0, 0 },
	{ "400", false, EPROTO, 0, 0, 0 },
};

static int
feed(struct http_head *h, const char *text, struct err *e)
{
	char line[200];

	http_head_init(h);
	snprintf(line, sizeof line, "HTTP/1.1 %.3s x\r\n", text);
	if (http_head_add(h, line, strlen(line), 0, e) < 0)
		return -1;
	for (text += strcspn(text, "|"); *text == '|';) {
		size_t n = strcspn(++text, "|");

		if (http_head_add(h, text, n, 0, e) < 0)
			return -1;
		text += n;
	}
	return http_head_add(h, "\r\n", 2, 0, e);
}

static void
what_hosts_make_of_a_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct range r = { .pos = 10,
			.end = 20,
			.size = 100,
			.was_asked = table[i].was_asked,
			.ask_end = 20 };
		AUTO_HEAD struct http_head h;
		struct err e = ERR_INIT;
		struct range_plan p;

		assert_int_equal(feed(&h, table[i].head, &e), 0);
		if (range_plan(&p, &r, &h, &e) < 0) {
			if (e.code != table[i].code)
				fail_msg("%s: %s", table[i].head, e.msg);
			continue;
		}
		if (table[i].code != 0)
			fail_msg("taken: %s", table[i].head);
		assert_int_equal(p.verdict, table[i].verdict);
		assert_int_equal(p.skip, table[i].skip);
		assert_int_equal(p.take, table[i].take);
	}
}

static const struct source_gap gaps[] = {
	{ 1000, 5000 },
	{ 6000, 6000 + 64 * 1024 },
	{ 80000, 80000 + 64 * 1024 + 1 },
};

static struct range
far_ranges(uint64_t pos)
{
	return (struct range){ .pos = pos,
		.end = 200000,
		.size = 300000,
		.gaps = gaps,
		.n_gaps = 3,
		.was_asked = true };
}

static void
several_ranges_are_asked_for_at_once_or_up_to_a_large_gap(void **state)
{
	static const struct {
		uint64_t pos;
		const char *parts, *one;
	} cases[] = {
		{ 10, "10-999,5000-5999,71536-79999,145537-199999",
		    "10-79999" },
		{ 999, "999-999,5000-5999,71536-79999,145537-199999",
		    "999-79999" },
		{ 1000, "5000-5999,71536-79999,145537-199999", "5000-79999" },
		{ 75000, "75000-79999,145537-199999", "75000-79999" },
		{ 145536, "145537-199999", "145537-199999" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct range r = far_ranges(cases[i].pos);
		char text[RANGE_TEXT_BYTES];

		range_pass_gap(&r);
		range_ask(&r, true);
		range_write(&r, text);
		assert_string_equal(text, cases[i].parts);
		assert_int_equal(r.has_parts, strchr(text, ',') != NULL);
		range_ask(&r, false);
		range_write(&r, text);
		assert_string_equal(text, cases[i].one);
		assert_false(r.has_parts);
	}
}

/* To bytes 10-999,5000-5999,71536-79999,145537-199999 of a blob of 300000. */
static void
what_hosts_make_of_several_ranges(void **state)
{
	static const char several[] =
	    "206|Content-Type: multipart/byteranges; boundary=b";
	static const struct {
		const char *head;
		enum range_verdict verdict;
		uint64_t take;
	} cases[] = {
		{ several, RANGE_TAKE_PARTS, 0 },
		{ "206|Content-Type: multipart/byteranges", RANGE_ASK_ONE, 0 },
		{ "206|Content-Type: multipart/byteranges; boundary=b|"
		  "Content-Range: bytes 10-999/300000",
		    RANGE_ASK_ONE, 0 },
		{ "206|Content-Range: bytes 10-999/300000", RANGE_TAKE, 990 },
		{ "206|Content-Range: bytes 10-99/300000", RANGE_TAKE, 90 },
		{ "206|Content-Range: bytes 10-79999/300000", RANGE_TAKE,
		    79990 },
		{ "206|Content-Range: bytes 10-199999/300000", RANGE_ASK_ONE,
		    0 },
		{ "206|Content-Range: bytes 11-999/300000", RANGE_ASK_ONE, 0 },
		{ "206|Content-Range: bytes 10-999/9999", RANGE_ASK_ONE, 0 },
		{ "206", RANGE_ASK_ONE, 0 },
		{ "200|Content-Length: 300000", RANGE_ASK_ONE, 0 },
		{ "200|Content-Type: text/html", RANGE_ASK_ONE, 0 },
		{ "400", RANGE_ASK_ONE, 0 },
		{ "416|Content-Range: bytes */7", RANGE_ASK_ONE, 0 },
		{ "501", RANGE_ASK_ONE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct range r = far_ranges(10);
		AUTO_HEAD struct http_head h;
		struct err e = ERR_INIT;
		struct range_plan p;

		range_ask(&r, true);
		assert_int_equal(feed(&h, cases[i].head, &e), 0);
		assert_int_equal(range_plan(&p, &r, &h, &e), 0);
		if (p.verdict != cases[i].verdict)
			fail_msg("%s: %d", cases[i].head, p.verdict);
		assert_int_equal(p.take, cases[i].take);
		assert_false(p.ignores_ranges);
	}
}

/* Of the same, when those up to 6000 have come. */
static void
a_part_begins_where_the_last_ended_and_brings_no_large_gap(void **state)
{
	static const struct {
		struct byte_range part;
		bool is_right;
	} cases[] = {
		{ { 71536, 79999, 300000 }, true },
		{ { 71536, 79999, HEAD_UNKNOWN }, true },
		{ { 71536, 71536, 300000 }, true },
		{ { 71535, 79999, 300000 }, false },
		{ { 71537, 79999, 300000 }, false },
		{ { 145537, 199999, 300000 }, false },
		{ { 71536, 80000, 300000 }, false },
		{ { 71536, 199999, 300000 }, false },
		{ { 71536, 200000, 300000 }, false },
		{ { 71536, 79999, 299999 }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct range r = far_ranges(6000);
		struct err e = ERR_INIT;
		int rc;

		range_pass_gap(&r);
		range_ask(&r, true);
		rc = range_check_part(&r, &cases[i].part, &e);
		if ((rc == 0) != cases[i].is_right)
			fail_msg("%zu: %d", i, rc);
	}
}

static void
a_refusal_says_what_to_do(void **state)
{
	struct buf text = BUF_INIT(1000);
	struct status s = { 401, &text, "image", "x.io", false };
	struct err e = ERR_INIT;

	(void)state;
	buf_append_str(&text,
	    "{\"errors\":[{\"code\":\"U\",\"message\":\"go\\u001b[31maway\"}]}",
	    &e);
	status_error(&s, &e);
	assert_int_equal(e.code, EACCES);
	assert_string_equal(e.msg,
	    "the registry refused (401, \"go?[31maway\"): log in with `podman "
	    "login x.io`");
	text.len = 0;
	s.code = 404;
	status_error(&s, &e);
	assert_int_equal(e.code, ENOENT);
	assert_string_equal(e.msg, "no such image (404)");
	s.code = 503;
	status_error(&s, &e);
	assert_int_equal(e.code, EAGAIN);
	s.code = 302;
	status_error(&s, &e);
	assert_int_equal(e.code, EPROTO);
	buf_release(&text);
}

static void
tokens_are_read_and_bad_ones_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "{}", "{\"token\":7}",
		"{\"token\":\"\"}", "{\"token\":\"a b\"}",
		"{\"token\":\"a\\r\\nX: y\"}", "{\"token\":\"\xc3\xa9\"}",
		"{\"token\":\"a\",\"expires_in\":\"x\"}" };
	const char *good = "{\"access_token\":\"old\",\"token\":\"abc\","
			   "\"expires_in\":99999999}";
	struct err e = ERR_INIT;
	unsigned life;
	char *token = NULL;

	(void)state;
	assert_int_equal(token_parse(good, strlen(good), &token, &life, &e), 0);
	assert_string_equal(token, "abc");
	assert_int_equal(life, 24 * 3600);
	free(token);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (token_parse(bad[i], strlen(bad[i]), &token, &life, &e) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(e.code, EPROTO);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_hosts_make_of_a_range),
		cmocka_unit_test(
		    several_ranges_are_asked_for_at_once_or_up_to_a_large_gap),
		cmocka_unit_test(what_hosts_make_of_several_ranges),
		cmocka_unit_test(
		    a_part_begins_where_the_last_ended_and_brings_no_large_gap),
		cmocka_unit_test(a_refusal_says_what_to_do),
		cmocka_unit_test(tokens_are_read_and_bad_ones_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
