/* Tables made here; what the real tool writes is test_soci.c's. */
#include <errno.h>

#include "format/testing_ztoc.h"

/* ---- what is right ---- */

static const struct file files[] = {
	{ .name = "d/", .type = "dir", .off = 512, .mode = 040755 },
	{ .name = "d/f",
	    .type = "reg",
	    .off = 1536,
	    .size = 1000,
	    .mode = 0106755,
	    .uid = 70000,
	    .time = "2026-01-02T03:04:05.5+01:00",
	    .key = "SCHILY.xattr.user.x",
	    .value = "1" },
	{ .name = "d/h",
	    .type = "hardlink",
	    .off = 3072,
	    .size = 9,
	    .target = "d/f" },
	{ .name = "d/.wh.gone", .type = "reg", .off = 3584 },
	{ .name = "l",
	    .type = "symlink",
	    .off = 4096,
	    .target = "d/f",
	    .mode = 0777 },
	{ .name = "null",
	    .type = "char",
	    .off = 4608,
	    .mode = 0666,
	    .major = 1 },
	{ .name = "e",
	    .type = "reg",
	    .off = 5120,
	    .key = "comment",
	    .value = "x" },
	{ .name = "z", .type = "reg", .off = 5632, .size = 300 },
};

static const struct span spans[] = {
	{ 10, 0, 0 },
	{ 300, 2000, 3 },
	{ 700, 5700, 0 },
};

static const struct spec right = {
	.version = "0.9",
	.blob_size = 1000,
	.tar_size = 7168,
	.files = files,
	.n_files = 8,
	.spans = spans,
	.n_spans = 3,
	.n_digests = 3,
	.last_span = 2,
};

static void
expect_chunks(const struct spec *s, const char *text)
{
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *got = NULL;
	struct err e;

	write_ztoc(s);
	if (parse_written(&c, &e) < 0)
		fail_msg("%s", e.msg);
	got = chunks_to_text(&c);
	assert_string_equal(got, text);
}

static void
the_table_says_what_a_tar_would(void **state)
{
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *text = NULL;
	struct err e;

	(void)state;
	write_ztoc(&right);
	if (parse_written(&c, &e) < 0)
		fail_msg("%s", e.msg);
	text = contents_to_text(&c);
	assert_string_equal(text,
	    " 40755 0:0 0 links 0 @0.0 dev 0\n"
	    "/d 40755 0:0 0 links 0 @1767323045.0 dev 0\n"
	    "/d/f 106755 70000:0 1000 links 2 @1767319445.500000000 dev 0\n"
	    "/d/f user.x=31\n"
	    "/d/gone 20000 0:0 0 links 0 @0.0 dev 0\n"
	    "/d/h 106755 70000:0 1000 links 2 @1767319445.500000000 dev 0\n"
	    "/d/h user.x=31\n"
	    "/e 100000 0:0 0 links 1 @1767323045.0 dev 0\n"
	    "/l 120777 0:0 0 links 0 @1767323045.0 dev 0 -> d/f\n"
	    "/null 20666 0:0 0 links 0 @1767323045.0 dev 100\n"
	    "/z 100000 0:0 300 links 1 @1767323045.0 dev 0\n");
}

static void
files_are_cut_where_spans_end(void **state)
{
	static const struct span many[] = { { 10, 0, 0 }, { 300, 1536, 3 },
		{ 301, 2048, 1 }, { 400, 2048, 0 }, { 500, 2536, 7 },
		{ 900, 9000, 0 } };
	struct spec s = right;

	(void)state;
	expect_chunks(&right,
	    "span 464@0(10+290)1536, span 536@464(299+401)0\n"
	    "span 68@0(299+401)3632, span 232@68(700+300)0\n");
	s.spans = many;
	s.n_spans = s.n_digests = 6;
	s.last_span = 5;
	expect_chunks(&s, "span 512@0(299+2)0, span 488@512(400+100)0\n"
			  "span 300@0(499+401)3096\n");
}

static void
the_first_checkpoint_may_be_left_out(void **state)
{
	struct spec s = right;

	(void)state;
	s.first_record = 1;
	expect_chunks(&s, "span 464@0(10+290)1536, span 536@464(299+401)0\n"
			  "span 68@0(299+401)3632, span 232@68(700+300)0\n");
}

static void
a_plain_tar_is_cut_into_spans_of_one_size(void **state)
{
	static const struct file one[] = {
		{ .name = "f", .type = "reg", .off = 512, .size = 300 }
	};
	struct spec s = right;

	(void)state;
	s.algorithm = 2;
	s.span_size = 400;
	s.tar_size = 1000;
	s.files = one;
	s.n_files = 1;
	expect_chunks(&s, "span 288@0(400+400)112, span 12@288(800+200)0\n");
}

/* ---- what is wrong ---- */

static void
expect_refusal(const struct spec *s, int code, const char *why)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e;

	write_ztoc(s);
	assert_int_equal(parse_written(&c, &e), -1);
	if (e.code != code || strstr(e.msg, why) == NULL)
		fail_msg("%d: %s, not: %s", e.code, e.msg, why);
}

static void
a_table_of_another_blob_is_refused(void **state)
{
	struct spec s = right;

	(void)state;
	s.blob_size = 999;
	expect_refusal(&s, EBADMSG, "of a blob of 999 bytes, not of 1000");
	s = right;
	s.version = "1.0";
	expect_refusal(&s, ENOTSUP, "version \"1.0\"");
	s = right;
	s.tar_size = UINT64_MAX;
	expect_refusal(&s, EBADMSG, "out of range");
	s = right;
	s.tar_size = 5900;
	expect_refusal(&s, EBADMSG, "entry z: contents lie past the tar's end");
}

static void
spans_that_do_not_follow_one_another_are_refused(void **state)
{
	static const struct span wrong[][3] = {
		{ { 9, 0, 0 }, { 300, 2000, 0 }, { 700, 5700, 0 } },
		{ { 10, 0, 8 }, { 300, 2000, 0 }, { 700, 5700, 0 } },
		{ { 10, 1, 0 }, { 300, 2000, 0 }, { 700, 5700, 0 } },
		{ { 300, 0, 0 }, { 300, 2000, 0 }, { 700, 5700, 0 } },
		{ { 10, 0, 0 }, { 300, 5800, 0 }, { 700, 5700, 0 } },
		{ { 10, 0, 0 }, { 300, 2000, 0 }, { 1000, 5700, 0 } },
		{ { 10, 0, 0 }, { 300, 2000, 0 }, { 1001, 5700, 0 } },
		{ { 10, 0, 0 }, { 300, 2000, 0 }, { 700, TIB(2), 0 } },
		{ { 10, 0, 0 }, { UINT64_MAX, 2000, 0 }, { 700, 5700, 0 } },
	};
	struct spec s = right;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		s.spans = wrong[i];
		expect_refusal(&s, EBADMSG, "");
	}
	s = right;
	s.n_digests = 2;
	expect_refusal(&s, EBADMSG, "2 digests for 3 spans");
	s = right;
	s.last_span = UINT32_MAX;
	expect_refusal(&s, EBADMSG, "no spans");
	s = right;
	s.n_spans = 2;
	expect_refusal(&s, EBADMSG, "checkpoints for 3 spans");
	s = right;
	s.algorithm = 3;
	expect_refusal(&s, ENOTSUP, "compression 3");
	s = right;
	s.algorithm = 2;
	s.span_size = 499;
	expect_refusal(&s, EBADMSG, "spans do not fit the tar");
	s.tar_size = 1000;
	expect_refusal(&s, EBADMSG, "entry d/f: contents lie past");
	s.span_size = 500;
	expect_refusal(&s, EBADMSG, "spans do not fit the tar");
	s.span_size = 0;
	expect_refusal(&s, EBADMSG, "spans do not fit the tar");
}

static void
a_span_that_is_too_large_is_for_nobody_to_wait_for(void **state)
{
	static const struct file large[] = {
		{ .name = "f", .type = "reg", .off = 512, .size = MIB(65) }
	};
	static const struct span one[] = { { 10, 0, 0 } };
	struct spec s = right;

	(void)state;
	s.files = large;
	s.n_files = s.n_spans = s.n_digests = 1;
	s.last_span = 0;
	s.spans = one;
	s.tar_size = MIB(66);
	expect_refusal(&s, ENOTSUP, "entry f: a span of ");
}

static void
expect_entry(const struct file *x, int code, const char *why)
{
	struct spec s = right;

	s.files = x;
	s.n_files = 1;
	expect_refusal(&s, code, why);
}

static void
entries_that_no_tar_could_hold_are_refused(void **state)
{
	static const struct {
		struct file file;
		int code;
		const char *why;
	} wrong[] = {
		{ { .name = "f", .type = "reg", .off = 0 }, EBADMSG,
		    "entry f: contents at 0" },
		{ { .name = "f", .type = "reg", .off = 700 }, EBADMSG,
		    "contents at 700" },
		{ { .name = "f", .type = "reg", .off = 512, .size = 6657 },
		    EBADMSG, "past the tar's end" },
		{ { .name = "f", .type = "reg", .off = 512, .size = INT64_MAX },
		    EBADMSG, "past the tar's end" },
		{ { .name = "f",
		      .type = "reg",
		      .off = 512,
		      .size = UINT64_MAX },
		    EBADMSG, "out of range" },
		{ { .name = "f", .type = "regular", .off = 512 }, EBADMSG,
		    "unknown entry type" },
		{ { .name = "../f", .type = "reg", .off = 512 }, EBADMSG,
		    "'..' in a path" },
		{ { .name = "f",
		      .type = "hardlink",
		      .off = 512,
		      .target = "g" },
		    EBADMSG, "g" },
		{ { .name = "f", .type = "symlink", .off = 512 }, EBADMSG,
		    "entry f" },
		{ { .name = "f", .type = "char", .off = 512, .major = GIB(4) },
		    EBADMSG, "out of range" },
		{ { .name = "f", .type = "reg", .off = 512, .time = "soon" },
		    EBADMSG, "RFC 3339" },
		{ { .name = "f", .type = "reg", .off = 512, .time = "" },
		    ENOTSUP, "a time" },
		{ { .name = "f",
		      .type = "reg",
		      .off = 512,
		      .key = "GNU.sparse.major",
		      .value = "1" },
		    ENOTSUP, "a sparse file" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		expect_entry(&wrong[i].file, wrong[i].code, wrong[i].why);
}

static void
contents_that_overlap_are_refused(void **state)
{
	static const struct file both[] = {
		{ .name = "f", .type = "reg", .off = 512, .size = 513 },
		{ .name = "g", .type = "reg", .off = 1536, .size = 1 },
	};
	struct spec s = right;

	(void)state;
	s.files = both;
	s.n_files = 2;
	expect_refusal(&s, EBADMSG,
	    "entry g: contents at 1536, behind an entry that ends at 1536");
}

/* ---- what is no flatbuffer ---- */

static void
much_that_leads_to_one_place_is_refused(void **state)
{
	AUTO_CONTENTS struct contents c = { 0 };
	size_t root, toc, all, one;
	struct err e;

	(void)state;
	write_ztoc(&right);
	root = get_le32(out.data);
	toc = add_table(1);
	point(field(root, 4), toc);
	all = add_vector(field(toc, 0), 1000, 4);
	one = out.len;
	put_file(all, &files[6]);
	one = all + get_le32(out.data + all);
	for (size_t i = 1; i < 1000; i++)
		point(all + 4 * i, one);
	assert_int_equal(parse_written(&c, &e), -1);
	assert_int_equal(e.code, EBADMSG);
}

/* A sanitizer looks on. */
static void
damage_is_refused_or_does_not_matter(void **state)
{
	static const uint8_t flips[] = { 1, 0x80, 0xff };
	struct spec s = right;
	struct err e;

	(void)state;
	s.algorithm = 2;
	s.span_size = 500;
	s.tar_size = 1000;
	s.n_files = 1;
	s.n_spans = s.n_digests = 2;
	s.last_span = 1;
	write_ztoc(&s);
	for (size_t i = 0; i < out.len; i++)
		for (size_t k = 0; k < sizeof flips; k++) {
			AUTO_CONTENTS struct contents c = { 0 };

			out.data[i] ^= flips[k];
			parse_written(&c, &e);
			out.data[i] ^= flips[k];
		}
	while (out.len > 0) {
		AUTO_CONTENTS struct contents c = { 0 };

		out.len--;
		assert_int_equal(parse_written(&c, &e), -1);
	}
}

static int
release(void **state)
{
	(void)state;
	buf_release(&out);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_says_what_a_tar_would),
		cmocka_unit_test(files_are_cut_where_spans_end),
		cmocka_unit_test(the_first_checkpoint_may_be_left_out),
		cmocka_unit_test(a_plain_tar_is_cut_into_spans_of_one_size),
		cmocka_unit_test(a_table_of_another_blob_is_refused),
		cmocka_unit_test(
		    spans_that_do_not_follow_one_another_are_refused),
		cmocka_unit_test(
		    a_span_that_is_too_large_is_for_nobody_to_wait_for),
		cmocka_unit_test(entries_that_no_tar_could_hold_are_refused),
		cmocka_unit_test(contents_that_overlap_are_refused),
		cmocka_unit_test(much_that_leads_to_one_place_is_refused),
		cmocka_unit_test(damage_is_refused_or_does_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, release);
}
