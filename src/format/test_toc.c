#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/testing.h"
#include "format/toc.h"
#include "base/limits.h"

/* 64 digits each. */
#define D1 "sha256:" SIXTEEN("1")
#define D2 "sha256:" SIXTEEN("2")
#define D3 "sha256:" SIXTEEN("3")
#define FOUR(x) x x x x
#define SIXTEEN(x) FOUR(FOUR(FOUR(x)))

#define ENTRIES(text) "{\"version\":1,\"entries\":[" text "]}"
#define FILE_OF(size, rest) \
	"{\"type\":\"reg\",\"name\":\"f\",\"size\":" size rest "}"
#define CHUNK(rest) "{\"type\":\"chunk\",\"name\":\"f\"" rest "}"

static int
parse(const char *json, bool is_stargz, struct contents *out, struct err *e)
{
	struct toc toc = {
		.json = json,
		.json_len = strlen(json),
		.data_end = 1000,
		.codec = CHUNK_ZSTD,
		.is_stargz = is_stargz,
	};

	return toc_parse(&toc, out, e);
}

static void
expect_chunks(const char *json, const char *text)
{
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *got = NULL;
	struct err e = ERR_INIT;

	if (parse(json, true, &c, &e) < 0)
		fail_msg("%s", e.msg);
	got = chunks_to_text(&c);
	assert_string_equal(got, text);
}

static void
expect_tree(const char *json, const char *text)
{
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *got = NULL;
	struct err e = ERR_INIT;

	if (parse(json, false, &c, &e) < 0)
		fail_msg("%s", e.msg);
	got = contents_to_text(&c);
	assert_string_equal(got, text);
}

#define ROOT " 40755 0:0 0 links 0 @0.0 dev 0\n"

static void
podmans_ranges_end_at_end_offset(void **state)
{
	(void)state;
	expect_chunks(
	    ENTRIES(FILE_OF("10", ",\"digest\":\"" D1 "\",\"offset\":100,"
				  "\"endOffset\":150")),
	    "zstd 10@0(100+50)0\n");
	expect_chunks(
	    ENTRIES(FILE_OF("30",
		",\"digest\":\"" D1 "\",\"offset\":100,"
		"\"endOffset\":200,\"chunkSize\":10,"
		"\"chunkDigest\":\"" D2
		"\"") "," CHUNK(",\"offset\":120,\"chunkOffset\":10,"
				"\"chunkSize\":5,"
				"\"chunkType\":\"zeros\",\"chunkDigest\":\"" D3
				"\"") "," CHUNK(",\"offset\":140,"
						"\"chunkOffset\":15,"
						"\"chunkSize\":15,"
						"\"chunkDigest\":\"" D3 "\"")),
	    "zstd 10@0(100+20)0, zeros 5@10(0+0)0, zstd 15@15(140+60)0\n");
}

static void
stargzs_ranges_end_at_the_next_larger_offset(void **state)
{
	(void)state;
	/* b and c share a member; the folder has no offset; the last range ends
	 * at the table; the last chunk has no size: to the end. */
	expect_chunks(
	    ENTRIES("{\"type\":\"reg\",\"name\":\"a\",\"size\":20,"
		    "\"offset\":10,\"digest\":\"" D1 "\",\"chunkSize\":12,"
		    "\"chunkDigest\":\"" D2 "\"},"
		    "{\"type\":\"chunk\",\"name\":\"a\",\"offset\":40,"
		    "\"chunkOffset\":12,\"chunkDigest\":\"" D3 "\"},"
		    "{\"type\":\"dir\",\"name\":\"d/\"},"
		    "{\"type\":\"reg\",\"name\":\"b\",\"size\":5,"
		    "\"offset\":70,\"digest\":\"" D2 "\"},"
		    "{\"type\":\"reg\",\"name\":\"c\",\"size\":6,"
		    "\"offset\":70,\"innerOffset\":512,\"digest\":\"" D3 "\"},"
		    "{\"type\":\"reg\",\"name\":\"z\",\"size\":7,"
		    "\"offset\":90,\"digest\":\"" D1 "\"}"),
	    "zstd 12@0(10+30)0, zstd 8@12(40+30)0\n"
	    "zstd 5@0(70+20)0\n"
	    "zstd 6@0(70+20)512\n"
	    "zstd 7@0(90+910)0\n");
}

static void
landmarks_bound_ranges_and_are_hidden_from_stargz_only(void **state)
{
	static const char json[] = ENTRIES(FILE_OF("5",
	    ",\"offset\":10,\"digest\":\"" D1
	    "\"") ","
		  "{\"type\":\"reg\",\"name\":\".prefetch.landmark\",\"size\":"
		  "1,"
		  "\"offset\":60,\"digest\":\"" D2 "\"},"
		  "{\"type\":\"reg\",\"name\":\"stargz.index.json\",\"size\":1,"
		  "\"offset\":80,\"digest\":\"" D3 "\"}");
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *text = NULL;
	struct err e = ERR_INIT;

	(void)state;
	expect_chunks(json, "zstd 5@0(10+50)0\n");
	assert_int_equal(parse(json, true, &c, &e), 0);
	assert_int_equal(prefetch_of(&c), 60);
	contents_release(&c);
	assert_int_equal(parse(json, false, &c, &e), 0);
	text = chunks_to_text(&c);
	assert_string_equal(
	    text, "zstd 5@0(10+50)0\nzstd 1@0(60+20)0\nzstd 1@0(80+920)0\n");
}

static void
equal_chunks_make_one_object(void **state)
{
	(void)state;
	expect_chunks(ENTRIES("{\"type\":\"reg\",\"name\":\"a\",\"size\":5,"
			      "\"offset\":10,\"digest\":\"" D1 "\"},"
			      "{\"type\":\"reg\",\"name\":\"b\",\"size\":5,"
			      "\"offset\":20,\"digest\":\"" D1 "\"}"),
	    "zstd 5@0(10+10)0\n");
}

/* Who says "my file has the digest of yours" must not get their bytes into it:
 * the identity is made of what is verified. */
static void
a_claimed_digest_over_other_chunks_is_another_object(void **state)
{
	(void)state;
#define TWO_CHUNKS(name, off, digest)                                          \
	"{\"type\":\"reg\",\"name\":\"" name "\",\"size\":20,\"offset\":1" off \
	",\"digest\":\"" D1 "\",\"chunkSize\":10,\"chunkDigest\":\"" digest    \
	"\"},{\"type\":\"chunk\",\"name\":\"" name "\",\"offset\":2" off       \
	",\"chunkOffset\":10,\"chunkDigest\":\"" D3 "\"}"
	expect_chunks(
	    ENTRIES(TWO_CHUNKS("a", "0", D2) "," TWO_CHUNKS("b", "00", D1)),
	    "zstd 10@0(10+10)0, zstd 10@10(20+80)0\n"
	    "zstd 10@0(100+100)0, zstd 10@10(200+800)0\n");
}

static void
entries_become_what_they_say(void **state)
{
	(void)state;
	expect_tree(ENTRIES("{\"type\":\"dir\",\"name\":\"d/\",\"mode\":1023,"
			    "\"uid\":1,\"gid\":2,\"userName\":\"x\","
			    "\"modtime\":\"2001-02-03T04:05:06.5+01:00\","
			    "\"unknown\":{\"a\":[1,{}]}},"
			    "{\"type\":\"symlink\",\"name\":\"d/s\","
			    "\"linkName\":\"../t\"},"
			    "{\"type\":\"reg\",\"name\":\"d/e\",\"mode\":420,"
			    "\"xattrs\":{\"user.a\":\"AP8=\",\"user.b\":null}},"
			    "{\"type\":\"hardlink\",\"name\":\"h\","
			    "\"linkName\":\"d/e\"},"
			    "{\"type\":\"char\",\"name\":\"c\",\"devMajor\":1,"
			    "\"devMinor\":3},"
			    "{\"type\":\"fifo\",\"name\":\"p\"},"
			    "{\"type\":\"reg\",\"name\":\"d/.wh.gone\"},"
			    "{\"type\":\"reg\",\"name\":\"d/.wh..wh..opq\"},"
			    "{\"type\":\"reg\",\"name\":\".wh..wh.plnk\"}"),
	    ROOT "/c 20000 0:0 0 links 0 @0.0 dev 103\n"
		 "/d 41777 1:2 0 links 0 @981169506.500000000 dev 0\n"
		 "/d trusted.overlay.opaque=79\n"
		 "/d/e 100644 0:0 0 links 2 @0.0 dev 0\n"
		 "/d/e user.a=00ff\n"
		 "/d/e user.b=\n"
		 "/d/gone 20000 0:0 0 links 0 @0.0 dev 0\n"
		 "/d/s 120777 0:0 0 links 0 @0.0 dev 0 -> ../t\n"
		 "/h 100644 0:0 0 links 2 @0.0 dev 0\n"
		 "/h user.a=00ff\n"
		 "/h user.b=\n"
		 "/p 10000 0:0 0 links 0 @0.0 dev 0\n");
}

static void
attributes_that_no_index_holds_are_dropped_and_counted(void **state)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
	    parse(ENTRIES("{\"type\":\"dir\",\"name\":\"d\",\"xattrs\":"
			  "{\"strange.x\":\"AA==\",\"user.x\":\"AA==\"}}"),
		false, &c, &e),
	    0);
	assert_int_equal(c.dropped_xattrs, 1);
}

static void
the_last_of_two_equal_names_wins(void **state)
{
	(void)state;
	expect_tree(ENTRIES(FILE_OF("5",
			",\"offset\":10,\"digest\":\"" D1 "\"") "," FILE_OF("6",
			",\"offset\":20,\"digest\":\"" D2 "\"")),
	    ROOT "/f 100000 0:0 6 links 1 @0.0 dev 0\n");
}

static void
an_empty_table_is_an_empty_layer(void **state)
{
	(void)state;
	expect_tree("{\"version\":1,\"entries\":[]}", ROOT);
	expect_tree("{\"version\":1,\"entries\":null}", ROOT);
}

#define ONE(rest) ENTRIES(FILE_OF("10", rest))
#define GOOD ",\"offset\":100,\"endOffset\":200,\"digest\":\"" D1 "\""

static const struct {
	const char *json;
	int code;
	const char *why;
} hostile_tables[] = {
	{ "", EBADMSG, "" },
	{ "[]", EBADMSG, "no object" },
	{ "{\"version\":2,\"entries\":[]}", ENOTSUP, "version" },
	{ "{\"entries\":[]}", ENOTSUP, "version" },
	{ "{\"version\":1,\"entries\":{}}", EBADMSG, "no array" },
	{ "{\"version\":1,\"entries\":[1]}", EBADMSG, "no object" },
	{ "{\"version\":1,\"entries\":[]} x", EBADMSG, "" },
	{ ENTRIES("{\"name\":\"f\"}"), EBADMSG, "without a type" },
	{ ENTRIES("{\"type\":\"sock\",\"name\":\"f\"}"), EBADMSG,
	    "unknown entry type" },
	/* names */
	{ ENTRIES("{\"type\":\"dir\",\"name\":\"a/../b\"}"), EBADMSG,
	    "entry a/../b" },
	{ ENTRIES("{\"type\":\"dir\",\"name\":\"../b\"}"), EBADMSG,
	    "entry ../b" },
	{ ENTRIES("{\"type\":\"reg\",\"name\":\"d/.wh.\"}"), EBADMSG,
	    "whiteout" },
	{ ENTRIES("{\"type\":\"reg\",\"name\":\"d/.wh...\"}"), EBADMSG,
	    "whiteout" },
	{ ENTRIES("{\"type\":\"reg\",\"name\":\"\"}"), EBADMSG, "" },
	{ ENTRIES("{\"type\":\"symlink\",\"name\":\"s\"}"), EBADMSG,
	    "entry s" },
	{ ENTRIES("{\"type\":\"hardlink\",\"name\":\"h\","
		  "\"linkName\":\"nowhere\"}"),
	    EBADMSG, "nowhere" },
	/* numbers */
	{ ONE(",\"offset\":-1"), EBADMSG, "offset" },
	{ ONE(",\"offset\":1.5"), EBADMSG, "offset" },
	{ ONE(",\"offset\":\"1\""), EBADMSG, "offset" },
	{ ONE(",\"offset\":99999999999999999999"), EBADMSG, "offset" },
	{ ONE(",\"uid\":4294967296"), EBADMSG, "uid" },
	{ ONE(",\"modtime\":\"yesterday\""), EBADMSG, "modtime" },
	{ ONE(",\"digest\":\"md5:0\""), EBADMSG, "digest" },
	{ ONE(",\"xattrs\":[]"), EBADMSG, "xattrs" },
	{ ONE(",\"xattrs\":{\"user.a\":\"A\"}"), EBADMSG, "base 64" },
	{ ONE(",\"xattrs\":{\"user.a\":\"A*==\"}"), EBADMSG, "base 64" },
	{ ENTRIES(FILE_OF("9223372036854775807", GOOD)), EBADMSG,
	    "entry f: size" },
	/* ranges */
	{ ONE(",\"offset\":100,\"endOffset\":200"), EBADMSG,
	    "entry f: chunk without a digest" },
	{ ONE(",\"offset\":1000,\"digest\":\"" D1 "\""), EBADMSG,
	    "entry f: offset 1000 lies past" },
	{ ONE(",\"offset\":100,\"endOffset\":1001,\"digest\":\"" D1 "\""),
	    EBADMSG, "entry f: endOffset" },
	{ ONE(",\"offset\":100,\"endOffset\":100,\"digest\":\"" D1 "\""),
	    EBADMSG, "entry f: chunk without bytes" },
	{ ENTRIES(FILE_OF("10", GOOD) "," FILE_OF("10",
	      ",\"offset\":150,\"endOffset\":300,"
	      "\"digest\":\"" D2 "\"")),
	    EBADMSG, "lies before" },
	{ ENTRIES(FILE_OF("10",
	      ",\"offset\":300,\"digest\":\"" D1
	      "\"") "," FILE_OF("10", ",\"offset\":100,\"digest\":\"" D2 "\"")),
	    EBADMSG, "lies before" },
	{ ONE(",\"offset\":100,\"innerOffset\":67108860,"
	      "\"digest\":\"" D1 "\""),
	    ENOTSUP, "too large" },
	{ ENTRIES(FILE_OF("67108865", GOOD)), ENOTSUP, "too large" },
	/* chunks */
	{ ENTRIES(CHUNK("")), EBADMSG, "chunk without its file" },
	{ ENTRIES(FILE_OF("10", GOOD) ","
				      "{\"type\":\"chunk\",\"name\":\"g\"}"),
	    EBADMSG, "chunk without its file" },
	{ ONE(GOOD ",\"chunkSize\":4,\"chunkDigest\":\"" D2 "\""), EBADMSG,
	    "entry f: chunks do not cover" },
	{ ONE(GOOD ",\"chunkSize\":11"), EBADMSG, "past the file" },
	{ ONE(GOOD ",\"chunkOffset\":1"), EBADMSG, "chunks do not cover" },
	{ ONE(GOOD ",\"chunkDigest\":\"" D2 "\""), EBADMSG, "two digests" },
	{ ONE(GOOD ",\"chunkType\":\"ones\""), EBADMSG, "unknown chunk type" },
	{ ENTRIES(FILE_OF("10",
	      GOOD ",\"chunkSize\":4,"
		   "\"chunkDigest\":\"" D2
		   "\"") "," CHUNK(",\"offset\":120,\"chunkOffset\":5,"
				   "\"chunkDigest\":\"" D2 "\"")),
	    EBADMSG, "chunks do not cover" },
	{ ENTRIES(FILE_OF("10",
	      GOOD ",\"chunkSize\":4,"
		   "\"chunkDigest\":\"" D2
		   "\"") "," CHUNK(",\"offset\":120,\"chunkOffset\":4")),
	    EBADMSG, "chunk without a digest" },
	{ ENTRIES(FILE_OF("10",
	      GOOD ",\"chunkSize\":4,"
		   "\"chunkDigest\":\"" D2
		   "\"") "," CHUNK(",\"offset\":90,\"chunkOffset\":4,"
				   "\"chunkDigest\":\"" D2 "\"")),
	    EBADMSG, "lies before" },
};

static void
hostile_tables_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof hostile_tables / sizeof *hostile_tables;
	     i++) {
		AUTO_CONTENTS struct contents c = { 0 };
		struct err e = ERR_INIT;

		if (parse(hostile_tables[i].json, true, &c, &e) == 0)
			fail_msg("accepted: %s", hostile_tables[i].json);
		if (e.code != hostile_tables[i].code ||
		    strstr(e.msg, hostile_tables[i].why) == NULL)
			fail_msg(
			    "%s: %d %s", hostile_tables[i].json, e.code, e.msg);
	}
}

static void
names_in_errors_are_printable(void **state)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
	    parse(ENTRIES("{\"type\":\"dir\",\"name\":\"../\\n\\u001b[2J\"}"),
		false, &c, &e),
	    -1);
	assert_non_null(strstr(e.msg, "entry ../\\x0a\\x1b[2J"));
}

static void
zeros_of_a_terabyte_cost_nothing_and_petabytes_are_refused(void **state)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e = ERR_INIT;
	uint32_t n;

	(void)state;
	assert_int_equal(
	    parse(ENTRIES(FILE_OF("1099511627776", ",\"chunkType\":\"zeros\"")),
		false, &c, &e),
	    0);
	map_builder_chunks(c.map, &n);
	assert_int_equal(n, TIB(1) / LIMIT_CHUNK_BYTES);
	contents_release(&c);
#define BIG(name)                                                        \
	"{\"type\":\"reg\",\"name\":\"" name "\",\"size\":8796093022208" \
	",\"chunkType\":\"zeros\"}"
	assert_fails(
	    parse(ENTRIES(BIG("a") "," BIG("b") "," BIG("c")), false, &c, &e),
	    e, EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(podmans_ranges_end_at_end_offset),
		cmocka_unit_test(stargzs_ranges_end_at_the_next_larger_offset),
		cmocka_unit_test(
		    landmarks_bound_ranges_and_are_hidden_from_stargz_only),
		cmocka_unit_test(equal_chunks_make_one_object),
		cmocka_unit_test(
		    a_claimed_digest_over_other_chunks_is_another_object),
		cmocka_unit_test(entries_become_what_they_say),
		cmocka_unit_test(
		    attributes_that_no_index_holds_are_dropped_and_counted),
		cmocka_unit_test(the_last_of_two_equal_names_wins),
		cmocka_unit_test(an_empty_table_is_an_empty_layer),
		cmocka_unit_test(hostile_tables_are_refused),
		cmocka_unit_test(names_in_errors_are_printable),
		cmocka_unit_test(
		    zeros_of_a_terabyte_cost_nothing_and_petabytes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
