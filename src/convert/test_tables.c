/* The texts that podman reads: the table of contents and tar-split. */
#include <errno.h>
#include <string.h>

#include "convert/tar_split.h"
#include "convert/toc_writer.h"
#include "codec/tar.h"
#include "codec/zstd.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/test.h"

static char *
unpack(const struct buf *frame, uint64_t len)
{
	struct err e;
	AUTO_DECODER struct decoder *d = zstd_decoder_new(&e);
	char *text = calloc(1, len + 1);
	struct decode_part part = {
		.in = frame->data,
		.in_len = frame->len,
		.out = text,
		.out_len = len,
		.is_all = true,
	};

	assert_non_null(text);
	assert_int_equal(decoder_read_part(d, &part, &e), 0);
	return text;
}

/* A header with a mode. */
static uint8_t header[TAR_BLOCK];

static struct tar_entry
entry(enum tar_type type, const char *path, uint64_t size)
{
	memcpy(header + 100, "0100644", 8);
	return (struct tar_entry){
		.type = type,
		.path = path,
		.path_len = strlen(path),
		.link = "",
		.size = size,
		.header = header,
	};
}

static void
an_entry_says_all_that_its_header_says(void **state)
{
	static const struct tar_xattr xattrs[] = { { "user.a", "\0\1\2", 3 },
		{ "user.empty", "", 0 } };
	AUTO_BUF struct buf text = BUF_INIT(MIB(1));
	struct tar_entry x = entry(TAR_SYMLINK, "a\"b\\c\n\x7f\xc3\xa9", 0);
	struct err e;

	(void)state;
	x.link = "to";
	x.link_len = 2;
	x.uid = 1000;
	x.gid = 0;
	x.mtime_s = 1700000000;
	x.mtime_ns = 120000000;
	x.atime = (struct tar_time){ true, 1, 0 };
	x.major = 8;
	x.xattrs = xattrs;
	x.n_xattrs = 2;
	assert_int_equal(toc_entry_text(&text, &x, &e), 0);
	assert_string_equal(buf_str(&text),
	    "{\"type\":\"symlink\",\"name\":\"a\\u0022b\\u005cc\\u000a\x7f\xc3"
	    "\xa9\",\"linkName\":\"to\",\"mode\":33188,\"uid\":1000,"
	    "\"modtime\":\"2023-11-14T22:13:20.12Z\","
	    "\"accesstime\":\"1970-01-01T00:00:01Z\",\"devMajor\":8,"
	    "\"xattrs\":{\"user.a\":\"AAEC\",\"user.empty\":\"\"}");
}

static void
add_text(struct toc_writer *w, const struct tar_entry *x,
    int (*add)(struct toc_writer *, const char *, size_t, struct err *))
{
	AUTO_BUF struct buf text = BUF_INIT(MIB(1));
	struct err e;

	assert_int_equal(toc_entry_text(&text, x, &e), 0);
	assert_int_equal(add(w, buf_str(&text), text.len, &e), 0);
}

#define HEX8 "01010101"
#define HEX32 HEX8 HEX8 HEX8 HEX8
#define DIGEST_OF_1 "sha256:" HEX32 HEX32

/* The same with an apostrophe for each quotation mark. */
static void
assert_json(char *text, const char *wanted)
{
	for (char *p = text; (p = strchr(p, '"')) != NULL;)
		*p = '\'';
	assert_string_equal(text, wanted);
}

/* A folder, a file of one chunk, one of two. */
static void
write_files(struct toc_writer *w, const struct digest *d)
{
	struct tar_entry dir = entry(TAR_DIR, "d/", 0);
	struct tar_entry one = entry(TAR_FILE, "d/1", 5);
	struct tar_entry two = entry(TAR_FILE, "d/2", 3000);
	struct toc_chunk c = { .blob_off = 70, .size = 5, .digest = *d };
	struct err e;

	add_text(w, &dir, toc_writer_entry);
	add_text(w, &one, toc_writer_file);
	assert_int_equal(toc_writer_chunk(w, &c, &e), 0);
	assert_int_equal(toc_writer_end_file(w, d, 90, &e), 0);
	add_text(w, &two, toc_writer_file);
	c.blob_off = 100, c.size = 1000;
	assert_int_equal(toc_writer_chunk(w, &c, &e), 0);
	c.blob_off = 200, c.size = 2000, c.is_zeros = true;
	assert_int_equal(toc_writer_chunk(w, &c, &e), 0);
	assert_int_equal(toc_writer_end_file(w, d, 250, &e), 0);
}

static void
chunks_follow_their_file(void **state)
{
	AUTO_BUF struct buf frame = BUF_INIT(0);
	struct err e;
	AUTO_TOC_WRITER struct toc_writer *w = toc_writer_new(3, &e);
	struct digest d;
	uint64_t len;
	char *text;

	(void)state;
	memset(&d, 1, sizeof d);
	write_files(w, &d);
	assert_int_equal(toc_writer_end(w, &d, &frame, &len, &e), 0);
	text = unpack(&frame, len);
	assert_json(text,
	    "{'version':1,'entries':["
	    "{'type':'dir','name':'d/','mode':33188,"
	    "'modtime':'1970-01-01T00:00:00Z'},"
	    "{'type':'reg','name':'d/1','mode':33188,'size':5,"
	    "'modtime':'1970-01-01T00:00:00Z','digest':'" DIGEST_OF_1 "',"
	    "'endOffset':90,'offset':70},"
	    "{'type':'reg','name':'d/2','mode':33188,'size':3000,"
	    "'modtime':'1970-01-01T00:00:00Z','digest':'" DIGEST_OF_1 "',"
	    "'endOffset':250,'offset':100,'chunkSize':1000,"
	    "'chunkDigest':'" DIGEST_OF_1 "'},"
	    "{'type':'chunk','name':'d/2','offset':200,'chunkSize':2000,"
	    "'chunkOffset':1000,'chunkDigest':'" DIGEST_OF_1 "',"
	    "'chunkType':'zeros'}],"
	    "'tarSplitDigest':'" DIGEST_OF_1 "'}");
	free(text);
}

static void
tar_split_is_a_line_a_piece(void **state)
{
	AUTO_BUF struct buf frame = BUF_INIT(0);
	struct err e;
	AUTO_TAR_SPLIT struct tar_split *t = tar_split_new(3, &e);
	struct tar_entry dir = entry(TAR_DIR, "d/", 0);
	struct tar_entry file = entry(TAR_FILE, "d/1", 9);
	uint64_t len;
	char *text;

	(void)state;
	/* Pieces of every length make the same line. */
	for (int i = 1; i <= 4; i++)
		assert_int_equal(
		    tar_split_bytes(t, &"abcdefghij"[i], i, &e), 0);
	assert_int_equal(tar_split_entry(t, &dir, 0, &e), 0);
	assert_int_equal(tar_split_bytes(t, "H", 1, &e), 0);
	assert_int_equal(tar_split_entry(t, &file, 0xb90956c775a41001, &e), 0);
	assert_int_equal(tar_split_end(t, &frame, &len, &e), 0);
	text = unpack(&frame, len);
	assert_string_equal(text,
	    "{\"type\":2,\"payload\":\"YmNkZGVmZWZnaA==\",\"position\":0}\n"
	    "{\"type\":1,\"name\":\"d/\",\"payload\":null,\"position\":1}\n"
	    "{\"type\":2,\"payload\":\"SA==\",\"position\":2}\n"
	    "{\"type\":1,\"name\":\"d/1\",\"size\":9,"
	    "\"payload\":\"uQlWx3WkEAE=\",\"position\":3}\n"
	    "{\"type\":2,\"payload\":\"\",\"position\":4}\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_says_all_that_its_header_says),
		cmocka_unit_test(chunks_follow_their_file),
		cmocka_unit_test(tar_split_is_a_line_a_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
