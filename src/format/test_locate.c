#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/testing.h"

#define FOUR(x) x x x x
#define SIXTEEN(x) FOUR(FOUR(FOUR(x)))
#define D1 "sha256:" SIXTEEN("1")
#define D2 "sha256:" SIXTEEN("2")

#define NEW "io.github.containers.zstd-chunked.manifest-"
#define OLD "io.containers.zstd-chunked.manifest-"
#define STARGZ "containerd.io/snapshot/stargz/toc.digest"
#define ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
#define GZIP "application/vnd.oci.image.layer.v1.tar+gzip"

static const struct format *
locate(const char *type, char *(*pairs)[2], size_t n, struct toc_place *out,
    enum locate_result *r, struct err *e)
{
	struct annotation a[8];
	struct descriptor d = { (char *)type, { { 0 } }, 1000, a, n };

	for (size_t i = 0; i < n; i++)
		a[i] = (struct annotation){ pairs[i][0], pairs[i][1] };
	return format_locate(&d, out, r, e);
}

#define LOCATE(type, out, r, e, ...)                                          \
	locate(type, (char *[][2]){ __VA_ARGS__ },                            \
	    sizeof((char *[][2]){ __VA_ARGS__ }) / sizeof(char *[2]), out, r, \
	    e)

static void
annotations_decide(void **state)
{
	struct toc_place p;
	enum locate_result r;
	struct err e = ERR_INIT;
	const struct format *f;

	(void)state;
	f = LOCATE(ZSTD, &p, &r, &e, { NEW "checksum", D1 },
	    { NEW "position", "100:20:300:1" });
	assert_string_equal(f->name, "zstd:chunked");
	assert_int_equal(r, LOCATE_FOUND);
	assert_int_equal(p.blob_off, 100);
	assert_int_equal(p.blob_len, 20);
	assert_int_equal(p.toc_len, 300);
	assert_true(p.digest_is_of_blob);

	f = LOCATE(ZSTD, &p, &r, &e, { OLD "checksum", D1 });
	assert_string_equal(f->name, "zstd:chunked");
	assert_int_equal(r, LOCATE_TAIL);

	f = LOCATE(ZSTD, &p, &r, &e, { OLD "checksum", D1 },
	    { OLD "position", "100:20:300:1" }, { STARGZ, D2 });
	assert_string_equal(f->name, "zstd:chunked");
	assert_int_equal(r, LOCATE_FOUND);

	f = LOCATE(ZSTD, &p, &r, &e, { STARGZ, D2 });
	assert_string_equal(f->name, "zstd:chunked");
	assert_int_equal(r, LOCATE_TAIL);
	assert_false(p.digest_is_of_blob);

	f = LOCATE(GZIP, &p, &r, &e, { STARGZ, D2 });
	assert_string_equal(f->name, "estargz");
	assert_int_equal(r, LOCATE_TAIL);
	assert_false(p.digest_is_of_blob);
}

static void
a_place_without_a_digest_is_none(void **state)
{
	struct toc_place p;
	enum locate_result r;
	struct err e = ERR_INIT;

	(void)state;
	assert_null(
	    LOCATE(ZSTD, &p, &r, &e, { NEW "position", "100:20:300:1" }));
	assert_int_equal(r, LOCATE_NONE);
	assert_null(LOCATE(GZIP, &p, &r, &e, { "other", D1 }));
	assert_int_equal(r, LOCATE_NONE);
	assert_int_equal(e.code, 0);
}

static void
contradicting_annotations_are_refused(void **state)
{
	struct toc_place p;
	enum locate_result r;
	struct err e;

	(void)state;
	assert_null_with(LOCATE(ZSTD, &p, &r, &e, { NEW "checksum", D1 },
			     { OLD "checksum", D2 }),
	    e, EBADMSG);
	assert_int_equal(r, LOCATE_FAILED);
	assert_null_with(
	    LOCATE(ZSTD, &p, &r, &e, { NEW "checksum", D1 }, { STARGZ, D2 }), e,
	    EBADMSG);
	assert_null_with(
	    LOCATE(GZIP, &p, &r, &e, { OLD "checksum", D1 }, { STARGZ, D2 }), e,
	    EBADMSG);
	assert_null_with(
	    LOCATE(ZSTD, &p, &r, &e, { NEW "checksum", "x" }), e, EINVAL);
}

static void
impossible_positions_are_refused(void **state)
{
	static char *const positions[] = {
		"",
		"100",
		"100:20:300",
		"100:20:300:1:1",
		"100:20:300:1 ",
		"-1:20:300:1",
		"100:20:300:2",  /* unknown type */
		"1001:20:300:1", /* outside */
		"990:20:300:1",  /* across the end */
		"0:20:300:1",    /* no room for a header */
		"100:0:300:1",
		"100:20:0:1",
		"100:20:157286401:1", /* over the limit */
		"100:18446744073709551615:300:1",
		"99999999999999999999:20:300:1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof positions / sizeof *positions; i++) {
		struct toc_place p;
		enum locate_result r;
		struct err e = ERR_INIT;

		if (LOCATE(ZSTD, &p, &r, &e, { NEW "checksum", D1 },
			{ NEW "position", positions[i] }) != NULL ||
		    e.code != EBADMSG)
			fail_msg("\"%s\": %d %s", positions[i], e.code, e.msg);
	}
}

/* ---- footers ---- */

static const struct format *
find_format(const char *name)
{
	for (int i = 0; formats[i] != NULL; i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	return NULL;
}

static int
in_tail(const char *format, const void *tail, size_t n, struct toc_place *p,
    struct err *e)
{
	struct descriptor d = { .media_type = "", .size = 1000 };

	*p = (struct toc_place){ 0 };
	return find_format(format)->locate_in_tail(&d, tail, n, p, e);
}

/* A skippable frame that holds a footer of 40, 56 or 64 bytes. */
static size_t
make_footer(uint8_t *out, size_t size)
{
	const char *magic = size == 64 ? "GNUlInUx" : "GnUlInUx";

	memset(out, 0, 8 + size);
	put_le32(out, 0x184D2A50);
	put_le32(out + 4, size);
	put_le64(out + 8, 100);
	put_le64(out + 16, 20);
	put_le64(out + 24, 300);
	put_le64(out + 32, 1);
	memcpy(out + 8 + (size == 64 ? 56 : 32), magic, 8);
	return 8 + size;
}

static void
every_zstd_chunked_footer_is_read(void **state)
{
	static const size_t sizes[] = { 40, 56, 64 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		uint8_t footer[8 + 64];
		size_t n = make_footer(footer, sizes[i]);
		struct toc_place p;
		struct err e = ERR_INIT;

		assert_int_equal(in_tail("zstd:chunked", footer, n, &p, &e), 0);
		assert_int_equal(p.blob_off, 100);
		assert_int_equal(p.blob_len, 20);
		assert_int_equal(p.toc_len, 300);
		assert_fails(in_tail("zstd:chunked", footer + 1, n - 1, &p, &e),
		    e, EBADMSG);
		assert_fails(
		    in_tail("zstd:chunked", footer, n - 1, &p, &e), e, EBADMSG);
		put_le64(footer + 8, UINT64_MAX - 5);
		assert_fails(
		    in_tail("zstd:chunked", footer, n, &p, &e), e, EBADMSG);
	}
}

#define MEMBER "\x1f\x8b\x08\x04\0\0\0\0\0\xff"
#define TRAILER "\x01\0\0\xff\xff\0\0\0\0\0\0\0\0"

static void
every_estargz_footer_is_read(void **state)
{
	static const char now[] = MEMBER "\x1a\0SG\x16\0"
					 "0000000000000064STARGZ" TRAILER;
	static const char legacy[] = MEMBER "\x16\0"
					    "0000000000000064STARGZ" TRAILER;
	struct toc_place p;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(sizeof now - 1, 51);
	assert_int_equal(in_tail("estargz", now, 51, &p, &e), 0);
	assert_int_equal(p.blob_off, 100);
	assert_int_equal(p.blob_len, 1000 - 100 - 51);
	assert_int_equal(sizeof legacy - 1, 47);
	assert_int_equal(in_tail("estargz", legacy, 47, &p, &e), 0);
	assert_int_equal(p.blob_off, 100);
	assert_int_equal(p.blob_len, 1000 - 100 - 47);
}

static void
a_table_in_another_image_is_not_supported(void **state)
{
	static const char external[] = MEMBER "\x15\0SG\x11\0"
					      "STARGZEXTERNALTOC" TRAILER;
	struct toc_place p;
	struct err e;

	(void)state;
	assert_int_equal(sizeof external - 1, 46);
	assert_fails(in_tail("estargz", external, 46, &p, &e), e, ENOTSUP);
	assert_non_null(strstr(e.msg, "another image"));
}

static void
damaged_estargz_footers_are_refused(void **state)
{
	static const char *const footers[] = {
		MEMBER "\x1a\0SG\x16\0"
		       "00000000000003b5STARGZ" TRAILER, /* past the end */
		MEMBER "\x1a\0SG\x16\0"
		       "ffffffffffffffffSTARGZ" TRAILER,
		MEMBER "\x1a\0SG\x16\0"
		       "000000000000006gSTARGZ" TRAILER,
		MEMBER "\x1a\0SG\x16\0"
		       "0000000000000064STARGX" TRAILER,
		MEMBER "\x1b\0SG\x16\0"
		       "0000000000000064STARGZ" TRAILER,
	};

	(void)state;
	for (size_t i = 0; i < sizeof footers / sizeof *footers; i++) {
		struct toc_place p;
		struct err e;

		assert_fails(
		    in_tail("estargz", footers[i], 51, &p, &e), e, EBADMSG);
		assert_fails(
		    in_tail("estargz", footers[i], i, &p, &e), e, EBADMSG);
	}
}

static void
first_bytes_decide_the_stream(void **state)
{
	static const struct {
		const char *head;
		size_t n;
		const char *name;
	} cases[] = {
		{ "\x1f\x8b\x08", 3, "tar+gzip" },
		{ "\x28\xb5\x2f\xfd", 4, "tar+zstd" },
		{ "\x5e\x2a\x4d\x18", 4, "tar+zstd" },
	};
	uint8_t zeros[512] = { 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(
		    format_match((uint8_t *)cases[i].head, cases[i].n, &e)
			->name,
		    cases[i].name);
	assert_string_equal(format_match(zeros, 512, &e)->name, "tar");
	assert_null_with(format_match((uint8_t *)"\xfd"
						 "7zXZ",
			     5, &e),
	    e, ENOTSUP);
	assert_non_null(strstr(e.msg, "fd 37 7a 58 5a"));
	assert_null_with(format_match(zeros, 0, &e), e, ENOTSUP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(annotations_decide),
		cmocka_unit_test(a_place_without_a_digest_is_none),
		cmocka_unit_test(contradicting_annotations_are_refused),
		cmocka_unit_test(impossible_positions_are_refused),
		cmocka_unit_test(every_zstd_chunked_footer_is_read),
		cmocka_unit_test(every_estargz_footer_is_read),
		cmocka_unit_test(a_table_in_another_image_is_not_supported),
		cmocka_unit_test(damaged_estargz_footers_are_refused),
		cmocka_unit_test(first_bytes_decide_the_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
