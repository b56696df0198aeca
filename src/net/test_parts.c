#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/parts.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/test.h"

#define PART(range) "--b\r\nContent-Range: bytes " range "\r\n\r\n"

/* What came, as "AT:BYTES " for each part; and how the body ends. */
struct read {
	char text[1000];
	bool is_over;
	struct err failure;
};

static void
note(struct read *r, const struct parts *p, const char *bytes, size_t n)
{
	size_t at = strlen(r->text);

	if (p->at == p->range.first)
		at += snprintf(r->text + at, sizeof r->text - at,
		    "%s%ju:", at > 0 ? " " : "", (uintmax_t)p->at);
	snprintf(r->text + at, sizeof r->text - at, "%.*s", (int)n, bytes);
}

/* In pieces of so many bytes. */
static struct read
read_body(const char *body, size_t n, size_t piece)
{
	struct read r = { .failure = ERR_INIT };
	struct parts p;

	parts_init(&p, "b");
	for (size_t at = 0, took; at < n; at += took) {
		size_t most = min_u64(n - at, piece);

		took = min_u64(most, p.left);
		if (took > 0) {
			note(&r, &p, body + at, took);
			parts_pass(&p, took);
		} else if (parts_take_text(
			       &p, body + at, most, &took, &r.failure) < 0) {
			break;
		}
	}
	r.is_over = p.is_over;
	return r;
}

/* As servers send them: Go and Apache; nginx begins with an empty line. */
static void
parts_come_with_their_places_however_the_body_is_cut(void **state)
{
	static const char *const bodies[] = {
		PART("5-8/99") "abcd\r\n" PART("20-20/99") "e\r\n--b--\r\n",
		"\r\n--b\r\nContent-Type: a/b\r\nCONTENT-RANGE:bytes 5-8/*\r\n"
		"\r\nabcd\r\n" PART("20-20/*") "e\r\n--b--\r\n",
		"a preamble\r\n--bc\r\n" PART(
		    "5-8/99") "abcd\r\n--b \t\r\n"
			      "content-range: bytes "
			      "20-20/99\r\n\r\ne\r\n--b--\r\nmore\n--b",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		for (size_t piece = 1; piece < 80; piece++) {
			struct read r =
			    read_body(bodies[i], strlen(bodies[i]), piece);

			assert_string_equal(r.text, "5:abcd 20:e");
			assert_int_equal(r.failure.code, 0);
			assert_true(r.is_over);
		}
}

static void
what_looks_like_a_boundary_in_a_part_is_its_bytes(void **state)
{
	static const char body[] = PART("0-9/99") "\r\n--b--\r\nx\r\n--b--\r\n";
	struct read r = read_body(body, strlen(body), 3);

	(void)state;
	assert_string_equal(r.text, "0:\r\n--b--\r\nx");
	assert_true(r.is_over);
}

static void
a_body_that_ends_early_is_not_over(void **state)
{
	static const char body[] = PART("5-8/99") "ab";
	struct read r = read_body(body, strlen(body), 100);

	(void)state;
	assert_string_equal(r.text, "5:ab");
	assert_int_equal(r.failure.code, 0);
	assert_false(r.is_over);
}

static void
damaged_bodies_are_refused(void **state)
{
	static const char *const bodies[] = {
		"--b\r\nContent-Type: a/b\r\n\r\nabcd",
		"--b\r\nContent-Range: bytes */99\r\n\r\nabcd",
		"--b\r\nContent-Range: bytes 9-5/99\r\n\r\nabcd",
		"--b\r\nContent-Range: bytes 5-8/8\r\n\r\nabcd",
		"--b\r\nContent-Range: bytes 1-2/9\r\nContent-Range: bytes "
		"1-2/9\r\n\r\n",
		"--b\nContent-Range: bytes 5-8/99\n\nabcd",
		PART("5-8/99") "abcdefg\r\n--b--\r\n",
		PART("5-8/99") "abcd--b--\r\n",
		PART("5-8/99") "abcd\r\n\r\n--b--\r\n",
		PART("5-8/99") "abcd\r\n--c--\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct read r = read_body(bodies[i], strlen(bodies[i]), 1000);

		if (r.failure.code != EPROTO)
			fail_msg("taken: %s", bodies[i]);
	}
}

static void
heads_and_parts_without_end_are_refused(void **state)
{
	static char text[LIMIT_PART_TEXT_BYTES + 100];
	static char body[(LIMIT_PARTS + 2) * 64];
	struct read r;
	size_t n = 0;

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text, "--b\r\n", 5);
	r = read_body(text, sizeof text, 1000);
	assert_int_equal(r.failure.code, EPROTO);
	for (unsigned i = 0; i <= LIMIT_PARTS; i++)
		n += snprintf(
		    body + n, sizeof body - n, "%s", PART("5-5/99") "a\r\n");
	r = read_body(body, n, 1000);
	assert_int_equal(r.failure.code, EPROTO);
}

/* A field may be longer than what is kept of it. */
static void
a_long_line_means_nothing(void **state)
{
	char body[1000];
	struct read r;

	(void)state;
	snprintf(body, sizeof body, "--b\r\nX-%0300d: 1\r\n%sabcd\r\n--b--\r\n",
	    7, "Content-Range: bytes 5-8/99\r\n\r\n");
	r = read_body(body, strlen(body), 1000);
	assert_string_equal(r.text, "5:abcd");
	assert_int_equal(r.failure.code, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    parts_come_with_their_places_however_the_body_is_cut),
		cmocka_unit_test(
		    what_looks_like_a_boundary_in_a_part_is_its_bytes),
		cmocka_unit_test(a_body_that_ends_early_is_not_over),
		cmocka_unit_test(damaged_bodies_are_refused),
		cmocka_unit_test(heads_and_parts_without_end_are_refused),
		cmocka_unit_test(a_long_line_means_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
