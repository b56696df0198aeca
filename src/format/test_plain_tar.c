/* Plain tars, read from their start. */
#include <errno.h>
#include <stdio.h>

#include "format/testing_stream.h"

static void
a_plain_tars_files_are_ranges_of_a_megabyte(void **state)
{
	AUTO_FREE uint8_t *p = malloc(3 << 20);
	BUF(b);

	(void)state;
	fill_random(p, 3 << 20, 1);
	tar_add(&b, '0', "a", NULL, "hello", 5);
	tar_add(&b, '0', "b", NULL, p, (2 << 20) + 1);
	tar_add(&b, '0', "same", NULL, "hello", 5);
	tar_finish(&b);
	expect_chunks(&b, "raw 5@0(512+5)0\n"
			  "raw 1048576@0(1536+1048576)0, "
			  "raw 1048576@1048576(1050112+1048576)0, "
			  "raw 1@2097152(2098688+1)0\n");
}

static void
megabytes_of_zeros_are_not_fetched(void **state)
{
	AUTO_FREE uint8_t *p = calloc(1, 5 << 20);
	BUF(b);

	(void)state;
	p[5 << 19] = 1; /* in the third of five */
	tar_add(&b, '0', "f", NULL, p, 5 << 20);
	tar_add(&b, '0', "small", NULL, p, 100);
	tar_finish(&b);
	expect_chunks(&b,
	    "zeros 2097152@0(0+0)0, raw 1048576@2097152(2097664+1048576)0, "
	    "zeros 2097152@3145728(0+0)0\n"
	    "zeros 100@0(0+0)0\n");
}

static void
a_sparse_files_holes_are_zeros(void **state)
{
	static const char pax[] = "22 GNU.sparse.major=1\n"
				  "22 GNU.sparse.minor=0\n"
				  "31 GNU.sparse.realsize=2000010\n";
	char body[512 + 7] = "2\n1000\n3\n2000000\n4\n";
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *got = NULL;
	struct err e = ERR_INIT;
	BUF(b);

	(void)state;
	memcpy(body + 512, "abcdefg", 7);
	tar_add(&b, 'x', "pax", NULL, pax, sizeof pax - 1);
	tar_add(&b, '0', "s", NULL, body, sizeof body);
	assert_int_equal(stream_bytes(b.data, b.len, b.len, &c, NULL, &e), 0);
	got = chunks_to_text(&c);
	assert_string_equal(got,
	    "zeros 1000@0(0+0)0, raw 3@1000(2048+3)0, "
	    "zeros 1998997@1003(0+0)0, raw 4@2000000(2051+4)0, "
	    "zeros 6@2000004(0+0)0\n");
}

static void
holes_beyond_all_measure_are_refused(void **state)
{
	static const char pax[] = "33 GNU.sparse.size=8796093022208\n"
				  "34 GNU.sparse.map=8796093022208,0\n";
	BUF(b);

	(void)state;
	tar_add(&b, 'x', "pax", NULL, pax, sizeof pax - 1);
	tar_add(&b, '0', "s", NULL, NULL, 0);
	expect_refusal(&b, "claim too much");
}

static void
whiteouts_have_no_contents(void **state)
{
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *text = NULL;
	struct err e = ERR_INIT;
	BUF(b);

	(void)state;
	tar_add(&b, '0', "d/.wh.gone", NULL, "bytes", 5);
	tar_add(&b, '0', "d/.wh..wh..opq", NULL, "more", 4);
	tar_add(&b, '0', "/./d//f", NULL, "x", 1);
	tar_add(&b, '1', "h", "d/f", NULL, 0);
	tar_finish(&b);
	assert_int_equal(stream_bytes(b.data, b.len, 1, &c, NULL, &e), 0);
	text = contents_to_text(&c);
	assert_string_equal(text, " 40755 0:0 0 links 0 @0.0 dev 0\n"
				  "/d 40755 0:0 0 links 0 @0.0 dev 0\n"
				  "/d trusted.overlay.opaque=79\n"
				  "/d/f 100644 0:0 1 links 2 @0.0 dev 0\n"
				  "/d/gone 20000 0:0 0 links 0 @0.0 dev 0\n"
				  "/h 100644 0:0 1 links 2 @0.0 dev 0\n");
}

static void
an_entry_that_climbs_out_is_named(void **state)
{
	BUF(b);

	(void)state;
	tar_add(&b, '0', "../etc/passwd", NULL, "x", 1);
	tar_finish(&b);
	expect_refusal(&b, "entry ../etc/passwd");
}

/* A file of 8 MiB with a byte in its middle, by GNU tar: its digest. */
static bool
digest_by_tar(const char *options, struct digest *out, bool *has_hole)
{
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *command = NULL;
	struct buf nothing = { 0 };
	struct err e = ERR_INIT;
	uint32_t n;
	BUF(tar);

	assert_true(asprintf(&command,
			"sh -c 'd=$(mktemp -d) && cd $d && truncate -s 8M s && "
			"printf x | dd of=s bs=1 seek=4000000 conv=notrunc && "
			"tar %s -cf - s; r=$?; cd / && rm -r $d; exit $r'",
			options) > 0);
	if (!filter(command, &nothing, &tar))
		return false;
	assert_int_equal(
	    stream_bytes(tar.data, tar.len, 10000, &c, NULL, &e), 0);
	*out = map_builder_objects(c.map, &n)->digest;
	assert_int_equal(n, 1);
	*has_hole = tar.len < MIB(1);
	return true;
}

static void
all_of_gnu_tars_sparse_files_are_the_same_file(void **state)
{
	static const char *const options[] = { "-S --format=gnu",
		"-S --format=oldgnu", "-S --format=posix --sparse-version=0.0",
		"-S --format=posix --sparse-version=0.1",
		"-S --format=posix --sparse-version=1.0" };
	struct digest plain, sparse;
	bool has_hole;

	(void)state;
	if (!digest_by_tar("--format=ustar", &plain, &has_hole))
		skip();
	assert_false(has_hole);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (!digest_by_tar(options[i], &sparse, &has_hole))
			skip();
		assert_true(has_hole);
		assert_memory_equal(&sparse, &plain, sizeof plain);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_tars_files_are_ranges_of_a_megabyte),
		cmocka_unit_test(megabytes_of_zeros_are_not_fetched),
		cmocka_unit_test(a_sparse_files_holes_are_zeros),
		cmocka_unit_test(holes_beyond_all_measure_are_refused),
		cmocka_unit_test(
		    all_of_gnu_tars_sparse_files_are_the_same_file),
		cmocka_unit_test(whiteouts_have_no_contents),
		cmocka_unit_test(an_entry_that_climbs_out_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
