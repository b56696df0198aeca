/* gzip members and the points that a decoder finds in them.  Only test_*.c includes
 * it. */
#ifndef CODEC_TEST_MEMBERS_H
#define CODEC_TEST_MEMBERS_H

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "codec/decode.h"
#include "codec/gzip.h"
#include "codec/points.h"
#include "codec/zstd.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/test.h"

enum {
	EVERY = RESTART_MIN_BYTES,
	MEMBER_BYTES = 2 * EVERY,
	MEMBERS = 4,
	PLAIN_BYTES = MEMBERS * MEMBER_BYTES,
	MIN_POINTS = 6,
	MAX_POINTS = 64
};

/* A member or several, and the points that a decoder found in it. */
struct sample {
	uint8_t *plain, *coded;
	size_t len; /* of coded */
};

struct found {
	struct restart_point at[MAX_POINTS];
	uint8_t windows[MAX_POINTS][RESTART_WINDOW_BYTES];
	unsigned n;
	size_t decoded;
	bool is_whole;
};

typedef struct decoder *decoder_maker(struct err *e);

static decoder_maker *const makers[] = {
	gzip_zlib_decoder_new,
	gzip_decoder_new,
};

/* Words of a small language, so that there is something to look back for. */
static inline void
fill_plain(uint8_t *p, size_t n)
{
	uint64_t v = 42;

	for (size_t i = 0; i < n;) {
		unsigned word;

		v = v * 6364136223846793005u + 1442695040888963407u;
		word = v >> 54;
		for (unsigned k = 0; k < 3 + word % 7 && i < n; k++)
			p[i++] = 'a' + (word * 7 + k * 5) % 26;
		if (i < n)
			p[i++] = word % 31 == 0 ? v >> 40 : ' ';
	}
}

static inline void
deflate_member(struct sample *s, const uint8_t *p, size_t n, int level,
    int strategy, size_t flush_every)
{
	z_stream z = { 0 };

	assert_int_equal(
	    deflateInit2(&z, level, Z_DEFLATED, MAX_WBITS + 16, 8, strategy),
	    Z_OK);
	z.next_in = (uint8_t *)p;
	z.next_out = s->coded + s->len;
	z.avail_out = 2 * PLAIN_BYTES - s->len;
	for (size_t at = 0; flush_every > 0 && at + flush_every < n;
	     at += flush_every) {
		z.avail_in = flush_every;
		assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	}
	z.avail_in = p + n - z.next_in;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	s->len += z.total_out;
	deflateEnd(&z);
}

static inline struct sample *
sample_new(void)
{
	struct sample *s = calloc(1, sizeof *s);

	s->plain = malloc(PLAIN_BYTES);
	s->coded = malloc(2 * PLAIN_BYTES);
	fill_plain(s->plain, PLAIN_BYTES);
	return s;
}

static inline void
sample_free(struct sample *s)
{
	free(s->plain);
	free(s->coded);
	free(s);
}

static inline void
note_point(struct found *f, const struct decoder *d, size_t in_at)
{
	struct decode_place place;
	struct restart_point *p = &f->at[f->n];

	assert_true(f->n < MAX_POINTS);
	decoder_get_place(d, &place);
	p->bits = place.unread_bits % 8;
	p->blob_off = in_at - place.unread_bits / 8 - (p->bits > 0);
	p->stream_off = f->decoded;
	p->window_len = place.window_len;
	p->window = f->windows[f->n];
	memcpy(f->windows[f->n++], place.window, place.window_len);
}

/* in_step bytes of input, out_step of room at a time. */
static inline struct found *
find_points(decoder_maker *make, const struct sample *s, size_t in_step,
    size_t out_step)
{
	struct found *f = calloc(1, sizeof *f);
	struct err e = ERR_INIT;
	AUTO_DECODER struct decoder *d = make(&e);
	AUTO_FREE uint8_t *out = malloc(out_step);
	size_t given = min_u64(in_step, s->len);
	struct decode_step step = { s->coded, given, out, out_step };

	assert_true(decoder_make_points(d, EVERY));
	for (;;) {
		const uint8_t *in = step.in;
		enum decode_result r = decoder_step(d, &step, &e);
		size_t made = out_step - step.out_len;

		assert_int_not_equal(r, DECODE_FAILED);
		assert_memory_equal(s->plain + f->decoded, out, made);
		f->decoded += made;
		if (r == DECODE_POINT)
			note_point(f, d, step.in - s->coded);
		step.out = out;
		step.out_len = out_step;
		if (r != DECODE_MORE || made > 0 || step.in != in)
			continue;
		if (given == s->len)
			break;
		given += min_u64(in_step, s->len - given);
		step.in_len = s->coded + given - step.in;
	}
	f->is_whole = decoder_is_between(d);
	return f;
}

#endif
