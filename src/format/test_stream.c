#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/testing.h"
#include "base/limits.h"

/* ---- compressors: what is on every machine that builds this ---- */

/* stdin to stdout of a command, through files; false when it cannot run. */
static bool
filter(const char *command, const struct buf *in, struct buf *out)
{
	AUTO_FREE char *line = NULL;
	char path[] = "/tmp/layerfs-test-XXXXXX";
	int fd = mkstemp(path);
	uint8_t room[65536];
	struct err e;
	FILE *f;
	size_t n;

	assert_true(fd >= 0);
	for (size_t at = 0; at < in->len; at += n) {
		n = write(fd, in->data + at, in->len - at);
		assert_true((ssize_t)n > 0);
	}
	close(fd);
	assert_true(asprintf(&line, "%s <%s 2>/dev/null", command, path) > 0);
	f = popen(line, "r");
	assert_non_null(f);
	while ((n = fread(room, 1, sizeof room, f)) > 0)
		assert_int_equal(buf_append(out, room, n, &e), 0);
	unlink(path);
	return pclose(f) == 0;
}

#define BUF(b) AUTO_BUF struct buf b = BUF_INIT(MIB(64))

static void
append(struct buf *b, const struct buf *more)
{
	struct err e;

	assert_int_equal(buf_append(b, more->data, more->len, &e), 0);
}

/* Not compressible: the compressed length says how much is in a range. */
static void
fill_random(uint8_t *p, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = seed >> 24;
	}
}

static void
expect_chunks(const struct buf *blob, const char *text)
{
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *got = NULL;
	const struct format *f;
	struct err e = ERR_INIT;

	if (stream_bytes(blob->data, blob->len, 70000, &c, &f, &e) < 0)
		fail_msg("%s", e.msg);
	got = chunks_to_text(&c);
	if (text != NULL)
		assert_string_equal(got, text);
	check_chunks(&c, f, blob->data, blob->len);
}

static void
expect_refusal(const struct buf *blob, const char *why)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e = ERR_INIT;

	assert_fails(stream_bytes(blob->data, blob->len, 70000, &c, NULL, &e),
	    e, EBADMSG);
	if (strstr(e.msg, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.msg, why);
}

/* ---- plain tars ---- */

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

/* ---- compressed ones ---- */

/* Three files of 100,000 bytes, in three pieces that each begin with a header.
 */
static void
make_pieces(struct buf pieces[3])
{
	static uint8_t p[100000];

	for (int i = 0; i < 3; i++) {
		char name[] = { 'a' + i, 0 };

		pieces[i] = BUF_INIT(MIB(1));
		fill_random(p, sizeof p, i);
		tar_add(&pieces[i], '0', name, NULL, p, sizeof p);
	}
	tar_finish(&pieces[2]);
}

static bool
compress_pieces(const char *command, struct buf *out)
{
	struct buf pieces[3];
	bool is_ok = true;

	make_pieces(pieces);
	for (int i = 0; i < 3; i++) {
		is_ok = is_ok && filter(command, &pieces[i], out);
		buf_release(&pieces[i]);
	}
	return is_ok;
}

static void
expect_ranges(const char *command, const char *codec)
{
	AUTO_CONTENTS struct contents c = { 0 };
	const struct chunk *k;
	const struct format *f;
	struct err e = ERR_INIT;
	uint32_t n;
	BUF(b);

	if (!compress_pieces(command, &b)) {
		print_message("# %s is not here\n", command);
		skip();
	}
	assert_int_equal(stream_bytes(b.data, b.len, 999, &c, &f, &e), 0);
	assert_non_null(strstr(f->name, codec));
	k = map_builder_chunks(c.map, &n);
	assert_int_equal(n, 3);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(
		    k[i].codec, f->name[4] == 'z' ? CHUNK_ZSTD : CHUNK_GZIP);
		assert_int_equal(k[i].inner_off, 512);
		assert_int_equal(k[i].blob_off,
		    i == 0 ? 0 : k[i - 1].blob_off + k[i - 1].blob_len);
	}
	assert_int_equal(k[2].blob_off + k[2].blob_len, b.len);
	check_chunks(&c, f, b.data, b.len);
}

static void
zstd_frames_are_ranges(void **state)
{
	(void)state;
	expect_ranges("zstd -q -c", "zstd");
}

static void
gzip_members_are_ranges(void **state)
{
	(void)state;
	expect_ranges("gzip -c", "gzip");
}

static void
a_file_over_several_frames_is_cut_where_they_end(void **state)
{
	AUTO_FREE uint8_t *p = malloc(300000);
	AUTO_CONTENTS struct contents c = { 0 };
	const struct format *f;
	const struct chunk *k;
	struct err e = ERR_INIT;
	uint32_t n;
	BUF(tar);
	BUF(b);

	(void)state;
	fill_random(p, 300000, 9);
	tar_add(&tar, '0', "f", NULL, p, 300000);
	tar_finish(&tar);
	for (size_t at = 0; at < tar.len; at += 100000) {
		struct buf part = { tar.data + at,
			min_u64(100000, tar.len - at), 0, 0 };

		if (!filter("zstd -q -c", &part, &b))
			skip();
	}
	assert_int_equal(stream_bytes(b.data, b.len, 4096, &c, &f, &e), 0);
	k = map_builder_chunks(c.map, &n);
	assert_int_equal(n, 4);
	assert_int_equal(k[0].len, 100000 - 512);
	assert_int_equal(k[1].len, 100000);
	assert_int_equal(k[3].len, 512);
	assert_int_equal(k[0].inner_off, 512);
	assert_int_equal(k[1].inner_off, 0);
	check_chunks(&c, f, b.data, b.len);
}

static void
a_frame_too_large_to_hold_needs_the_stream(void **state)
{
	enum { SIZE = LIMIT_HELD_BYTES + (2 << 20) };
	AUTO_FREE uint8_t *p = malloc(SIZE);
	AUTO_CONTENTS struct contents c = { 0 };
	const struct format *f;
	const struct chunk *k;
	struct err e = ERR_INIT;
	uint32_t n;
	BUF(tar);
	BUF(small);
	BUF(b);

	(void)state;
	fill_random(p, SIZE, 3);
	tar_add(&tar, '0', "big", NULL, p, SIZE);
	tar_add(&small, '0', "small", NULL, p, 100000);
	tar_finish(&small);
	if (!filter("zstd -q -1 -c", &tar, &b) ||
	    !filter("zstd -q -1 -c", &small, &b))
		skip();
	assert_int_equal(stream_bytes(b.data, b.len, 65536, &c, &f, &e), 0);
	k = map_builder_chunks(c.map, &n);
	assert_int_equal(n, 18 + 1);
	for (uint32_t i = 0; i < 18; i++) {
		assert_int_equal(k[i].codec, CHUNK_STREAM);
		assert_int_equal(k[i].blob_off, 512 + (uint64_t)i * MIB(1));
	}
	assert_int_equal(k[18].codec, CHUNK_ZSTD);
}

static void
damaged_streams_are_refused(void **state)
{
	struct err e;
	BUF(b);

	(void)state;
	if (!compress_pieces("gzip -c", &b))
		skip();
	b.len -= 10;
	expect_refusal(&b, "cut off");
	b.len += 10;
	b.data[b.len / 2] ^= 1;
	expect_refusal(&b, "blob at");
	b.data[b.len / 2] ^= 1;
	assert_int_equal(buf_append(&b, "trailing", 8, &e), 0);
	expect_refusal(&b, "blob at");
}

static void
more_bytes_than_the_manifest_says_are_refused(void **state)
{
	struct collector c;
	struct err e = ERR_INIT;
	struct streamer s;
	BUF(b);

	(void)state;
	tar_add(&b, '0', "f", NULL, "x", 1);
	tar_finish(&b);
	collector_init(&c);
	assert_int_equal(streamer_init(&s, format_match(b.data, b.len, &e),
			     b.len - 1, &c.sink, &e),
	    0);
	assert_fails(streamer_feed(&s, b.data, b.len, &e), e, EBADMSG);
	streamer_release(&s);
	hasher_free(c.hasher);
	map_builder_free(c.map);
}

/* ---- seek tables ---- */

/* Three frames and a table that says `change` is off by one. */
static bool
make_seekable(struct buf *b, bool has_checksums, int change)
{
	size_t entry = has_checksums ? 12 : 8, start;
	struct buf pieces[3];
	uint8_t table[8 + 3 * 12 + 9] = { 0 };
	bool is_ok = true;

	make_pieces(pieces);
	put_le32(table, 0x184D2A5E);
	put_le32(table + 4, 3 * entry + 9);
	for (int i = 0; i < 3; i++) {
		start = b->len;
		is_ok = is_ok && filter("zstd -q -c", &pieces[i], b);
		put_le32(table + 8 + i * entry, b->len - start);
		put_le32(table + 8 + i * entry + 4, pieces[i].len);
		buf_release(&pieces[i]);
	}
	start = 8 + 3 * entry;
	put_le32(table + start, change == 2 ? 2 : 3);
	table[start + 4] = has_checksums ? 0x80 : 0;
	put_le32(table + start + 5, 0x8F92EAB1);
	if (change == 1)
		table[8 + entry] ^= 1;
	if (change == 3)
		table[8 + 4] ^= 1;
	append(b, &(struct buf){ table, start + 9, 0, 0 });
	return is_ok;
}

static void
a_seek_table_that_fits_is_accepted(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		BUF(b);

		if (!make_seekable(&b, i, 0))
			skip();
		expect_chunks(&b, NULL);
	}
}

static void
a_seek_table_of_other_frames_is_refused(void **state)
{
	(void)state;
	for (int change = 1; change <= 3; change++) {
		BUF(b);

		if (!make_seekable(&b, change % 2, change))
			skip();
		expect_refusal(&b, "seek table");
	}
}

static void
a_seek_table_that_misses_a_frame_is_refused(void **state)
{
	BUF(b);
	BUF(more);
	BUF(empty);

	(void)state;
	/* A frame before all that the table does not know. */
	if (!filter("zstd -q -c", &empty, &b) ||
	    !make_seekable(&more, false, 0))
		skip();
	append(&b, &more);
	expect_refusal(&b, "seek table has 3 frames, the blob 4");
}

/* ---- digests ---- */

static void
the_diff_id_is_that_of_the_tar(void **state)
{
	struct digest want, got;
	struct collector c;
	struct err e = ERR_INIT;
	struct tree *tree;
	struct streamer s;
	BUF(tar);
	BUF(b);

	(void)state;
	tar_add(&tar, '0', "f", NULL, "x", 1);
	tar_finish(&tar);
	digest_of(&want, tar.data, tar.len);
	if (!filter("gzip -c", &tar, &b))
		skip();
	collector_init(&c);
	assert_int_equal(streamer_init(&s, format_match(b.data, b.len, &e),
			     b.len, &c.sink, &e),
	    0);
	assert_int_equal(streamer_feed(&s, b.data, b.len, &e), 0);
	assert_int_equal(streamer_end(&s, &tree, &e), 0);
	assert_int_equal(unpacker_position(s.unpacker), tar.len);
	unpacker_diff_id(s.unpacker, &got);
	assert_memory_equal(&got, &want, sizeof got);
	streamer_release(&s);
	contents_release(&(struct contents){ tree, c.map, 0 });
	hasher_free(c.hasher);
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
		cmocka_unit_test(zstd_frames_are_ranges),
		cmocka_unit_test(gzip_members_are_ranges),
		cmocka_unit_test(
		    a_file_over_several_frames_is_cut_where_they_end),
		cmocka_unit_test(a_frame_too_large_to_hold_needs_the_stream),
		cmocka_unit_test(damaged_streams_are_refused),
		cmocka_unit_test(more_bytes_than_the_manifest_says_are_refused),
		cmocka_unit_test(a_seek_table_that_fits_is_accepted),
		cmocka_unit_test(a_seek_table_of_other_frames_is_refused),
		cmocka_unit_test(a_seek_table_that_misses_a_frame_is_refused),
		cmocka_unit_test(the_diff_id_is_that_of_the_tar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
