#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/head.h"
#include "net/url.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/test.h"

static int
add(struct http_head *h, const char *line, struct err *e)
{
	return http_head_add(h, line, strlen(line), 784111777, e);
}

static void
the_fields_of_an_answer_are_kept(void **state)
{
	AUTO_HEAD struct http_head h;
	struct err e = ERR_INIT;

	(void)state;
	http_head_init(&h);
	add(&h, "HTTP/1.1 100 Continue\r\n", &e);
	add(&h, "\r\n", &e);
	assert_false(h.is_complete);
	add(&h, "HTTP/2 206 \r\n", &e);
	add(&h, "CONTENT-LENGTH:  10 \r\n", &e);
	add(&h, "content-range: Bytes 5-14/20\r\n", &e);
	add(&h, "Content-Type: Text/HTML; charset=utf-8\r\n", &e);
	add(&h, "Location: /x\r\n", &e);
	add(&h, "WWW-Authenticate: Basic\r\n", &e);
	add(&h, "www-authenticate: Bearer realm=x\r\n", &e);
	add(&h, "Retry-After: 7\r\n", &e);
	add(&h, "Range: 0-99\r\n", &e);
	add(&h, "OCI-Chunk-Min-Length: 65536\r\n", &e);
	add(&h, "OCI-Subject: sha256:ab\r\n", &e);
	add(&h, "OCI-Filters-Applied: artifactType\r\n", &e);
	add(&h, "Link: </v2/x>; rel=\"next\"\r\n", &e);
	add(&h, "no colon\r\n", &e);
	assert_int_equal(add(&h, "\r\n", &e), 0);
	assert_true(h.is_complete);
	assert_int_equal(h.status, 206);
	assert_int_equal(h.content_length, 10);
	assert_int_equal(h.range.first, 5);
	assert_int_equal(h.range.last, 14);
	assert_int_equal(h.range.total, 20);
	assert_int_equal(h.retry_after_s, 7);
	assert_string_equal(h.content_type, "text/html");
	assert_string_equal(h.location, "/x");
	assert_int_equal(h.received, 100);
	assert_int_equal(h.chunk_min, 65536);
	assert_string_equal(h.subject, "sha256:ab");
	assert_string_equal(h.filters, "artifactType");
	assert_string_equal(h.link, "</v2/x>; rel=\"next\"");
	assert_int_equal(h.n_challenges, 2);
	assert_string_equal(h.challenges[1], "Bearer realm=x");
	assert_int_equal(add(&h, "Location: /trailer\r\n", &e), 0);
	assert_string_equal(h.location, "/x");
}

static void
what_an_upload_has_is_known_only_from_a_whole_range(void **state)
{
	static const struct {
		const char *line;
		uint64_t received;
	} cases[] = {
		{ "Range: 0-0", 0 },
		{ "Range: bytes=0-4", 5 },
		{ "Range: 5-9", HEAD_UNKNOWN },
		{ "Range: 0-", HEAD_UNKNOWN },
		{ "Range: 0-4,6-9", HEAD_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO_HEAD struct http_head h;
		struct err e = ERR_INIT;

		http_head_init(&h);
		add(&h, "HTTP/1.1 202 Accepted", &e);
		assert_int_equal(add(&h, cases[i].line, &e), 0);
		assert_true(h.received == cases[i].received);
	}
}

static void
the_boundary_of_a_type_is_kept(void **state)
{
	static const char long_one[] =
	    "Content-Type: multipart/byteranges; boundary="
	    "123456789012345678901234567890123456789012345678901234567890123456"
	    "78901";
	static const struct {
		const char *line, *boundary; /* NULL: none */
	} cases[] = {
		{ "Content-Type: multipart/byteranges; boundary=aB1", "aB1" },
		{ "Content-Type: a/b;charset=x ; BOUNDARY=\"a b;c\"; d=e",
		    "a b;c" },
		{ "Content-Type: a/b; x=\"; boundary=no\"; boundary=b", "b" },
		{ "Content-Type: a/b; boundary=", NULL },
		{ "Content-Type: a/b; boundary", NULL },
		{ "Content-Type: a/b; xboundary=c", NULL },
		{ long_one, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO_HEAD struct http_head h;
		struct err e = ERR_INIT;

		http_head_init(&h);
		assert_int_equal(add(&h, cases[i].line, &e), 0);
		if (cases[i].boundary == NULL)
			assert_null(h.boundary);
		else
			assert_string_equal(h.boundary, cases[i].boundary);
	}
}

static void
fields_that_place_bytes_must_be_right(void **state)
{
	static const char *const bad[] = { "Content-Length: -1",
		"Content-Length: 1x",
		"Content-Length: ", "Content-Length: 9999999999999999999",
		"Content-Range: 0-1/2", "Content-Range: bytes 2-1/5",
		"Content-Range: bytes 0-5/5", "Content-Range: bytes 0-/5",
		"Content-Range: bytes 0-1", "Content-Range: bytes a-b/c" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		AUTO_HEAD struct http_head h;
		struct err e = ERR_INIT;

		http_head_init(&h);
		assert_int_equal(add(&h, "HTTP/1.1 200 OK", &e), 0);
		if (add(&h, bad[i], &e) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(e.code, EPROTO);
	}
}

static void
two_lengths_must_agree(void **state)
{
	AUTO_HEAD struct http_head h;
	struct err e = ERR_INIT;

	(void)state;
	http_head_init(&h);
	assert_int_equal(add(&h, "HTTP/1.1 200 OK", &e), 0);
	assert_int_equal(add(&h, "Content-Length: 5", &e), 0);
	assert_int_equal(add(&h, "Content-Length: 5", &e), 0);
	assert_int_equal(add(&h, "Content-Length: 6", &e), -1);
}

static void
retry_after_may_be_a_date(void **state)
{
	AUTO_HEAD struct http_head h;
	struct err e = ERR_INIT;

	(void)state;
	http_head_init(&h);
	add(&h, "HTTP/1.1 429 x", &e);
	add(&h, "Retry-After: Sun, 06 Nov 1994 08:49:47 GMT", &e);
	assert_int_equal(h.retry_after_s, 10);
	add(&h, "Retry-After: Sun, 06 Nov 1993 08:49:47 GMT", &e);
	assert_int_equal(h.retry_after_s, 0);
}

static void
heads_have_a_limit(void **state)
{
	AUTO_HEAD struct http_head h;
	struct err e = ERR_INIT;
	char line[1024];
	int rc = 0;

	(void)state;
	http_head_init(&h);
	memset(line, 'a', sizeof line);
	add(&h, "HTTP/1.1 200 OK", &e);
	for (size_t i = 0; i <= LIMIT_HEADER_BYTES / sizeof line && rc == 0;
	     i++)
		rc = http_head_add(&h, line, sizeof line, 0, &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.code, EPROTO);
}

static void
origins_are_scheme_host_and_port(void **state)
{
	struct origin a, b;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(url_origin("https://X.io/a", &a, &e), 0);
	assert_int_equal(url_origin("https://x.io:443/b?c", &b, &e), 0);
	assert_true(origin_equal(&a, &b));
	assert_int_equal(url_origin("http://x.io:443/", &b, &e), 0);
	assert_false(origin_equal(&a, &b));
	assert_int_equal(url_origin("https://x.io:444/", &b, &e), 0);
	assert_false(origin_equal(&a, &b));
	assert_int_equal(url_origin("https://x.io.evil/", &b, &e), 0);
	assert_false(origin_equal(&a, &b));
	assert_int_equal(url_origin("https://x.io@evil/", &b, &e), -1);
	assert_int_equal(url_origin("file:///etc/passwd", &b, &e), -1);
	assert_int_equal(url_origin("x.io", &b, &e), -1);
}

static void
check_location(const char *location, const char *url)
{
	struct err e = ERR_INIT;
	AUTO_FREE char *is =
	    url_resolve("https://x.io:5000/v2/a/blobs/b?q", location, &e);

	if (url == NULL) {
		assert_null(is);
		assert_int_equal(e.code, EPROTO);
	} else {
		assert_string_equal(is, url);
	}
}

static void
locations_are_resolved_and_bad_ones_refused(void **state)
{
	(void)state;
	check_location("/c", "https://x.io:5000/c");
	check_location("c", "https://x.io:5000/v2/a/blobs/c");
	check_location("//y.io/c#f", "https://y.io/c");
	check_location("http://y.io/c?s=1", "http://y.io/c?s=1");
	check_location("ftp://y.io/c", NULL);
	check_location("file:///etc/passwd", NULL);
	check_location("https://me:secret@y.io/c", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fields_of_an_answer_are_kept),
		cmocka_unit_test(
		    what_an_upload_has_is_known_only_from_a_whole_range),
		cmocka_unit_test(the_boundary_of_a_type_is_kept),
		cmocka_unit_test(fields_that_place_bytes_must_be_right),
		cmocka_unit_test(two_lengths_must_agree),
		cmocka_unit_test(retry_after_may_be_a_date),
		cmocka_unit_test(heads_have_a_limit),
		cmocka_unit_test(origins_are_scheme_host_and_port),
		cmocka_unit_test(locations_are_resolved_and_bad_ones_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
