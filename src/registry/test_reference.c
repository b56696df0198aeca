#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/reference.h"
#include "base/err.h"
#include "base/test.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

static const struct {
	const char *text;
	const char *host; /* NULL: a layout */
	const char *repository;
	const char *tag; /* NULL: none */
	const char *name;
} good[] = {
	{ "python", "docker.io", "library/python", "latest",
	    "docker.io/library/python:latest" },
	{ "python:3.12", "docker.io", "library/python", "3.12",
	    "docker.io/library/python:3.12" },
	{ "me/app", "docker.io", "me/app", "latest",
	    "docker.io/me/app:latest" },
	{ "docker.io/python", "docker.io", "library/python", "latest",
	    "docker.io/library/python:latest" },
	{ "index.docker.io/a/b", "docker.io", "a/b", "latest",
	    "docker.io/a/b:latest" },
	{ "docker://alpine", "docker.io", "library/alpine", "latest",
	    "docker.io/library/alpine:latest" },
	{ "localhost/app", "localhost", "app", "latest",
	    "localhost/app:latest" },
	{ "localhost:5000", "docker.io", "library/localhost", "5000",
	    "docker.io/library/localhost:5000" },
	{ "127.0.0.1:5000/python:gzip", "127.0.0.1:5000", "python", "gzip",
	    "127.0.0.1:5000/python:gzip" },
	{ "[::1]:5000/a", "[::1]:5000", "a", "latest", "[::1]:5000/a:latest" },
	{ "Quay.IO/a/b-c/d__e.f:T_a.g-1", "quay.io", "a/b-c/d__e.f", "T_a.g-1",
	    "quay.io/a/b-c/d__e.f:T_a.g-1" },
	{ "a---b", "docker.io", "library/a---b", "latest",
	    "docker.io/library/a---b:latest" },
	{ "x.io/a@" DIGEST, "x.io", "a", NULL, "x.io/a@" DIGEST },
	{ "x.io/a:t@" DIGEST, "x.io", "a", "t", "x.io/a:t@" DIGEST },
	{ "oci:/a/dir", NULL, "/a/dir", NULL, "oci:/a/dir" },
	{ "oci:dir:tag", NULL, "dir", "tag", "oci:dir:tag" },
	{ "oci:/a:b/dir", NULL, "/a:b/dir", NULL, "oci:/a:b/dir" },
	{ "oci:/a:b/dir:v1", NULL, "/a:b/dir", "v1", "oci:/a:b/dir:v1" },
};

static const char *const bad[] = { "", "/", ":", "@", "a/", "/a", "a//b",
	"a:", "a:.x", "a:-x", "a:b/c:", "A/b", "python:ta g", "a_", "_a", "-a",
	"a___b", "a..b", "a.-b", "a@sha256:12", "a@md5:" HEX, "a@" DIGEST "0",
	"a@@" DIGEST, HEX, "http://x.io/a", "x.io:/a", "x.io:99999/a",
	"x.io:0/a", "x..io/a", "-x.io/a", "x-.io/a", ".io/a", "x_y.io/a",
	"[::1/a", "[zz]:1/a", "x.io/a\n", "x.io/a\x01", "oci:", "oci::tag",
	"oci:dir:", "oci:/d\nx", "a?b", "a#b", "../a", "x.io/../a", "a/%2e" };

static void
check_text(const char *is, const char *should_be)
{
	if (should_be == NULL)
		assert_null(is);
	else
		assert_string_equal(is, should_be);
}

static void
what_people_write_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		AUTO_REFERENCE struct reference r = { 0 };
		struct err e = ERR_INIT;

		if (reference_parse(&r, good[i].text, &e) < 0)
			fail_msg("%s", e.msg);
		assert_int_equal(r.is_layout, good[i].host == NULL);
		check_text(r.host, good[i].host);
		check_text(r.repository, good[i].repository);
		check_text(r.tag, good[i].tag);
		check_text(r.name, good[i].name);
		assert_int_equal(
		    r.has_digest, strchr(good[i].text, '@') != NULL);
	}
}

static void
what_is_no_reference_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct reference r;
		struct err e = ERR_INIT;

		if (reference_parse(&r, bad[i], &e) == 0)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_true(e.code == EINVAL || e.code == ENOTSUP);
	}
}

static void
a_name_parses_to_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		AUTO_REFERENCE struct reference r = { 0 };
		struct err e = ERR_INIT;

		assert_int_equal(reference_parse(&r, good[i].name, &e), 0);
		assert_string_equal(r.name, good[i].name);
	}
}

static void
lengths_are_bounded(void **state)
{
	char text[700];
	struct reference r;
	struct err e = ERR_INIT;

	(void)state;
	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = 0;
	assert_int_equal(reference_parse(&r, text, &e), -1);
	text[256] = 0; /* one over what a path may have */
	assert_int_equal(reference_parse(&r, text, &e), -1);
	text[1] = ':';
	text[2 + 128] = 0;
	assert_int_equal(reference_parse(&r, text, &e), 0);
	reference_release(&r);
	text[2 + 128] = 'a';
	text[2 + 129] = 0;
	assert_int_equal(reference_parse(&r, text, &e), -1);
}

static void
loopback_is_known(void **state)
{
	(void)state;
	assert_true(reference_host_is_loopback("localhost"));
	assert_true(reference_host_is_loopback("localhost:80"));
	assert_true(reference_host_is_loopback("127.0.0.1:5000"));
	assert_true(reference_host_is_loopback("127.255.0.9"));
	assert_true(reference_host_is_loopback("[::1]:5000"));
	assert_false(reference_host_is_loopback("localhost.example"));
	assert_false(reference_host_is_loopback("127.0.0.1.example:80"));
	assert_false(reference_host_is_loopback("128.0.0.1"));
	assert_false(reference_host_is_loopback("[::2]:5000"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_write_is_understood),
		cmocka_unit_test(what_is_no_reference_is_refused),
		cmocka_unit_test(a_name_parses_to_itself),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(loopback_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
