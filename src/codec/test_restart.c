/* Where a gzip stream can be decompressed from. */
#include <errno.h>

#include "codec/test_members.h"

static void
assert_same_points(const struct found *a, const struct found *b)
{
	assert_int_equal(a->n, b->n);
	for (unsigned i = 0; i < a->n; i++) {
		const struct restart_point *x = &a->at[i], *y = &b->at[i];

		assert_int_equal(x->blob_off, y->blob_off);
		assert_int_equal(x->stream_off, y->stream_off);
		assert_int_equal(x->bits, y->bits);
		assert_int_equal(x->window_len, y->window_len);
		assert_memory_equal(x->window, y->window, x->window_len);
	}
}

/* Each span gives its bytes with nothing but its point, and its own bytes of the
 * blob; by either decoder. */
static void
read_spans(decoder_maker *make, const struct sample *s, const struct found *f)
{
	struct err e = ERR_INIT;
	AUTO_DECODER struct decoder *d = make(&e);
	AUTO_FREE uint8_t *out = malloc(PLAIN_BYTES);

	for (unsigned i = 0; i < f->n; i++) {
		const struct restart_point *p = &f->at[i], *next = p + 1;
		size_t end =
		    i + 1 < f->n ? next->blob_off + (next->bits > 0) : s->len;
		size_t len = (i + 1 < f->n ? next->stream_off : f->decoded) -
			     p->stream_off;
		AUTO_FREE uint8_t *bytes = malloc(end - p->blob_off);
		struct decode_part part = { bytes, end - p->blob_off, 0, out,
			len, false, p };

		memcpy(bytes, s->coded + p->blob_off, end - p->blob_off);
		assert_int_equal(decoder_read_part(d, &part, &e), 0);
		assert_memory_equal(out, s->plain + p->stream_off, len);
		part.skip = len / 2;
		part.out_len = len - part.skip;
		assert_int_equal(decoder_read_part(d, &part, &e), 0);
		assert_memory_equal(
		    out, s->plain + p->stream_off + part.skip, part.out_len);
	}
}

static void
check_sample(const struct sample *s, unsigned min_points)
{
	static const size_t cuts[][2] = { { 1000, 4096 }, { 77777, 262144 },
		{ 13, 1 << 20 } };

	for (unsigned m = 0; m < sizeof makers / sizeof *makers; m++) {
		struct found *whole =
		    find_points(makers[m], s, s->len, PLAIN_BYTES);

		assert_true(whole->is_whole);
		assert_true(whole->n >= min_points);
		for (unsigned i = 0; i < whole->n; i++)
			assert_true(
			    whole->at[i].stream_off -
				(i > 0 ? whole->at[i - 1].stream_off : 0) >=
			    EVERY);
		for (unsigned c = 0; c < sizeof cuts / sizeof *cuts; c++) {
			struct found *f =
			    find_points(makers[m], s, cuts[c][0], cuts[c][1]);

			assert_same_points(whole, f);
			free(f);
		}
		read_spans(gzip_zlib_decoder_new, s, whole);
		read_spans(gzip_decoder_new, s, whole);
		free(whole);
	}
}

static void
both_decoders_find_the_same_points_however_the_input_is_cut(void **state)
{
	static const int levels[] = { 1, 6, 9 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct sample *s = sample_new();
		struct found *a, *b;

		deflate_member(
		    s, s->plain, PLAIN_BYTES, levels[i], Z_DEFAULT_STRATEGY, 0);
		check_sample(s, MIN_POINTS);
		a = find_points(makers[0], s, s->len, PLAIN_BYTES);
		b = find_points(makers[1], s, s->len, PLAIN_BYTES);
		assert_same_points(a, b);
		free(a);
		free(b);
		sample_free(s);
	}
}

static void
blocks_of_every_kind_are_restarted(void **state)
{
	static const struct {
		int level, strategy;
		size_t flush_every;
	} kinds[] = {
		{ 0, Z_DEFAULT_STRATEGY, 0 },      /* stored */
		{ 6, Z_FIXED, 0 },                 /* fixed codes */
		{ 6, Z_HUFFMAN_ONLY, 0 },          /* literals */
		{ 6, Z_DEFAULT_STRATEGY, 131072 }, /* as pigz does */
		{ 1, Z_RLE, 5000 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct sample *s = sample_new();

		deflate_member(s, s->plain, PLAIN_BYTES, kinds[i].level,
		    kinds[i].strategy, kinds[i].flush_every);
		check_sample(s, MIN_POINTS);
		sample_free(s);
	}
}

static void
every_member_counts_from_its_beginning(void **state)
{
	struct sample *s = sample_new();
	struct found *f;

	(void)state;
	for (size_t at = 0; at < PLAIN_BYTES; at += MEMBER_BYTES)
		deflate_member(
		    s, s->plain + at, MEMBER_BYTES, 6, Z_DEFAULT_STRATEGY, 0);
	f = find_points(gzip_decoder_new, s, s->len, PLAIN_BYTES);
	assert_int_equal(f->n, MEMBERS);
	free(f);
	check_sample(s, MEMBERS);
	sample_free(s);
}

static void
a_span_goes_on_over_the_ends_of_members(void **state)
{
	struct sample *s = sample_new();
	struct found *f;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t at = 0; at < PLAIN_BYTES; at += MEMBER_BYTES)
		deflate_member(
		    s, s->plain + at, MEMBER_BYTES, 6, Z_DEFAULT_STRATEGY, 0);
	f = find_points(gzip_decoder_new, s, s->len, PLAIN_BYTES);
	for (unsigned m = 0; m < sizeof makers / sizeof *makers; m++) {
		AUTO_DECODER struct decoder *d = makers[m](&e);
		AUTO_FREE uint8_t *out = malloc(PLAIN_BYTES);
		size_t len = PLAIN_BYTES - f->at[0].stream_off;
		struct decode_part part = { s->coded + f->at[0].blob_off,
			s->len - f->at[0].blob_off, 0, out, len, true,
			&f->at[0] };

		assert_int_equal(decoder_read_part(d, &part, &e), 0);
		assert_memory_equal(out, s->plain + f->at[0].stream_off, len);
	}
	free(f);
	sample_free(s);
}

static void
a_wrong_window_is_no_crash(void **state)
{
	struct sample *s = sample_new();
	struct found *f;
	struct err e = ERR_INIT;

	(void)state;
	deflate_member(s, s->plain, PLAIN_BYTES, 6, Z_DEFAULT_STRATEGY, 0);
	f = find_points(gzip_decoder_new, s, s->len, PLAIN_BYTES);
	for (unsigned m = 0; m < sizeof makers / sizeof *makers; m++) {
		AUTO_DECODER struct decoder *d = makers[m](&e);
		AUTO_FREE uint8_t *out = malloc(EVERY);
		struct restart_point p = f->at[3];
		struct decode_part part = { s->coded + p.blob_off,
			s->len - p.blob_off, 0, out, EVERY, false, &p };

		p.window_len = 0;
		assert_fails(decoder_read_part(d, &part, &e), e, EBADMSG);
		p.window_len = RESTART_WINDOW_BYTES + 1;
		assert_fails(decoder_read_part(d, &part, &e), e, EBADMSG);
		p.window_len = RESTART_WINDOW_BYTES;
		p.bits = 8;
		assert_fails(decoder_read_part(d, &part, &e), e, EBADMSG);
		part.in_len = 0;
		p.bits = 0;
		assert_fails(decoder_read_part(d, &part, &e), e, EBADMSG);
	}
	free(f);
	sample_free(s);
}

static void
zstd_has_no_points(void **state)
{
	struct err e = ERR_INIT;
	AUTO_DECODER struct decoder *d = zstd_decoder_new(&e);
	struct restart_point p = { 0 };
	uint8_t out[1];
	struct decode_part part = { "x", 1, 0, out, 1, false, &p };

	(void)state;
	assert_false(decoder_make_points(d, EVERY));
	assert_fails(decoder_read_part(d, &part, &e), e, ENOTSUP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    both_decoders_find_the_same_points_however_the_input_is_cut),
		cmocka_unit_test(blocks_of_every_kind_are_restarted),
		cmocka_unit_test(every_member_counts_from_its_beginning),
		cmocka_unit_test(a_span_goes_on_over_the_ends_of_members),
		cmocka_unit_test(a_wrong_window_is_no_crash),
		cmocka_unit_test(zstd_has_no_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
