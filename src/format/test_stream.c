/* Compressed layers, read from their start. */
#include <errno.h>
#include <stdio.h>

#include "format/testing_stream.h"

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
	struct contents got_contents = { 0 };
	struct err e = ERR_INIT;
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
	assert_int_equal(streamer_end(&s, &got_contents, &e), 0);
	assert_int_equal(unpacker_position(s.unpacker), tar.len);
	unpacker_diff_id(s.unpacker, &got);
	assert_memory_equal(&got, &want, sizeof got);
	streamer_release(&s);
	contents_release(&got_contents);
	map_builder_free(c.map);
	hasher_free(c.hasher);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
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
