/* What is kept of one window: what is referred to, and no more. */

#include "codec/test_compress.h"

/* What follows a window of before_len bytes, which are no zeros. */
struct after {
	uint8_t before[RESTART_WINDOW_BYTES];
	size_t before_len;
	uint8_t plain[2 * RESTART_WINDOW_BYTES];
	size_t plain_len;
	uint8_t coded[CODED_BYTES];
	size_t coded_len;
};

static struct after *
after_new(size_t before_len)
{
	struct after *s = calloc(1, sizeof *s);

	s->before_len = before_len;
	fill_random(s->before, before_len);
	return s;
}

/* More of the plain bytes: n of the window, from there on. */
static void
add_before(struct after *s, size_t at, size_t n)
{
	memcpy(s->plain + s->plain_len, s->before + at, n);
	s->plain_len += n;
}

static void
add_byte(struct after *s, uint8_t byte, size_t n)
{
	memset(s->plain + s->plain_len, byte, n);
	s->plain_len += n;
}

static void
compress_all(struct after *s, int strategy)
{
	struct way way = { 9, strategy, 0 };

	s->coded_len = compress_after(s->before, s->before_len, s->plain,
	    s->plain_len, &way, -MAX_WBITS, s->coded);
	memset(s->coded + s->coded_len, 0, TRAILER_BYTES);
	s->coded_len += TRAILER_BYTES;
}

/* The window that is left when the decoder went on for so many bytes, the first
 * of which it had taken before the point, one at a time. */
static void
thin(decoder_maker *make, const struct after *s, size_t coded_len,
    uint8_t out[RESTART_WINDOW_BYTES])
{
	size_t ahead = min_u64(coded_len, 3);
	struct decode_place place = { 8 * ahead, s->before, s->before_len };
	struct restart_point p = { .window = s->before,
		.window_len = s->before_len };
	AUTO_FREE struct sequel *after = calloc(1, sizeof *after);
	struct err e = ERR_INIT;
	struct window *w = window_new(make, &e);

	for (size_t i = 0; i < ahead; i++)
		sequel_note(after, s->coded + i, 1, 0);
	sequel_begin(after, &place);
	sequel_note(after, s->coded + ahead, coded_len - ahead, s->plain_len);
	memcpy(out, window_thin(w, &p, after), s->before_len);
	window_free(w);
}

struct piece {
	size_t at, n;
};

/* These are what is left, and no other byte is. */
static void
assert_kept(const struct after *s, const struct piece *pieces, unsigned n)
{
	uint8_t expected[RESTART_WINDOW_BYTES] = { 0 };
	uint8_t got[RESTART_WINDOW_BYTES];

	for (unsigned i = 0; i < n; i++)
		memcpy(expected + pieces[i].at, s->before + pieces[i].at,
		    pieces[i].n);
	for (unsigned k = 0; k < MAKERS; k++) {
		thin(makers[k], s, s->coded_len, got);
		assert_memory_equal(got, expected, s->before_len);
	}
}

static void
what_is_referred_to_is_kept_and_nothing_else(void **state)
{
	static const struct piece pieces[] = { { 1000, 300 }, { 32758, 10 } };
	AUTO_FREE struct after *s = after_new(RESTART_WINDOW_BYTES);

	(void)state;
	add_before(s, 1000, 300);
	add_before(s, 32758, 10);
	compress_all(s, Z_DEFAULT_STRATEGY);
	assert_kept(s, pieces, 2);
}

static void
the_source_of_a_copy_that_overlaps_itself_is_kept(void **state)
{
	static const struct piece last = { RESTART_WINDOW_BYTES - 1, 1 };
	AUTO_FREE struct after *s = after_new(RESTART_WINDOW_BYTES);

	(void)state;
	add_byte(s, s->before[last.at], 40000);
	compress_all(s, Z_RLE);
	assert_kept(s, &last, 1);
}

static void
a_window_may_be_short(void **state)
{
	static const struct piece piece = { 10, 50 };
	AUTO_FREE struct after *s = after_new(100);

	(void)state;
	add_before(s, 10, 50);
	compress_all(s, Z_DEFAULT_STRATEGY);
	assert_kept(s, &piece, 1);
}

/* Whatever is decoded with: the low bytes of all places, and the high ones. */
static void
literals_are_no_reference_whatever_they_look_like(void **state)
{
	AUTO_FREE struct after *s = after_new(RESTART_WINDOW_BYTES);

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		add_byte(s, i, 1);
	for (unsigned i = 0; i < 256; i++)
		add_byte(s, i, 255);
	compress_all(s, Z_HUFFMAN_ONLY);
	assert_kept(s, NULL, 0);
}

static void
assert_whole(const struct after *s, size_t coded_len)
{
	uint8_t got[RESTART_WINDOW_BYTES];

	for (unsigned k = 0; k < MAKERS; k++) {
		thin(makers[k], s, coded_len, got);
		assert_memory_equal(got, s->before, s->before_len);
	}
}

static void
a_window_of_which_too_little_is_known_stays_whole(void **state)
{
	AUTO_FREE struct after *s = after_new(RESTART_WINDOW_BYTES);

	(void)state;
	fill_text(s->plain, 40000);
	s->plain_len = 40000;
	compress_all(s, Z_DEFAULT_STRATEGY);
	assert_whole(s, s->coded_len / 2);
	assert_whole(s, 0);
	s->coded[0] = 7; /* a block of no kind */
	assert_whole(s, s->coded_len);
}

/* 14,000 blocks of nothing, 70,000 bytes, before the data. */
static void
a_window_before_blocks_without_end_stays_whole(void **state)
{
	static const uint8_t nothing[5] = { 0, 0, 0, 0xff, 0xff };
	AUTO_FREE struct after *s = after_new(RESTART_WINDOW_BYTES);
	enum { BLOCKS = 14000 };

	(void)state;
	add_before(s, 1000, 300);
	compress_all(s, Z_DEFAULT_STRATEGY);
	memmove(s->coded + BLOCKS * sizeof nothing, s->coded, s->coded_len);
	for (size_t i = 0; i < BLOCKS; i++)
		memcpy(s->coded + i * sizeof nothing, nothing, sizeof nothing);
	s->coded_len += BLOCKS * sizeof nothing;
	assert_whole(s, s->coded_len);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_referred_to_is_kept_and_nothing_else),
		cmocka_unit_test(
		    the_source_of_a_copy_that_overlaps_itself_is_kept),
		cmocka_unit_test(a_window_may_be_short),
		cmocka_unit_test(
		    literals_are_no_reference_whatever_they_look_like),
		cmocka_unit_test(
		    a_window_of_which_too_little_is_known_stays_whole),
		cmocka_unit_test(
		    a_window_before_blocks_without_end_stays_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
