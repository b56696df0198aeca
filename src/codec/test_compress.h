/* What tests of windows compress, and how.  Only test_*.c includes it. */
#ifndef CODEC_TEST_COMPRESS_H
#define CODEC_TEST_COMPRESS_H

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "codec/decode.h"
#include "codec/gzip.h"
#include "codec/restart.h"
#include "codec/test_words.h"
#include "codec/window.h"
#include "base/bytes.h"
#include "base/test.h"

enum {
	EVERY = RESTART_MIN_BYTES,
	PLAIN_BYTES = 4 * EVERY,
	CODED_BYTES = 2 * PLAIN_BYTES,
	MAX_POINTS = 8,
	TRAILER_BYTES = 8,
};

typedef struct decoder *decoder_maker(struct err *e);

static decoder_maker *const makers[] = {
	gzip_zlib_decoder_new,
	gzip_decoder_new,
};

enum { MAKERS = sizeof makers / sizeof *makers };

/* No byte of it is zero: what is zero was made so. */
static inline void
fill_random(uint8_t *p, size_t n)
{
	uint32_t v = 7;

	for (size_t i = 0; i < n; i++) {
		v = v * 1664525 + 1013904223;
		p[i] = v >> 24 != 0 ? v >> 24 : 1;
	}
}

static inline void
fill_text(uint8_t *p, size_t n)
{
	fill_words(p, n, 42);
}

/* Long matches that overlap themselves. */
static inline void
fill_runs(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = i / 3000 % 5 == 4 ? 1 + i * i % 251 : 1 + i % 3;
}

static inline void
fill_all(uint8_t *p, size_t n)
{
	fill_text(p, n / 3);
	fill_random(p + n / 3, n / 3);
	fill_runs(p + n / 3 * 2, n - n / 3 * 2);
}

struct way {
	int level, strategy;
	size_t flush_every; /* 0: never */
};

/* In `out`, of CODED_BYTES; how long it is.  wrap: as deflateInit2 has it. */
static inline size_t
compress_after(const uint8_t *before, size_t before_len, const uint8_t *p,
    size_t n, const struct way *way, int wrap, uint8_t *out)
{
	z_stream z = { .next_in = (uint8_t *)p,
		.next_out = out,
		.avail_out = CODED_BYTES };

	assert_int_equal(
	    deflateInit2(&z, way->level, Z_DEFLATED, wrap, 8, way->strategy),
	    Z_OK);
	if (before_len > 0)
		assert_int_equal(
		    deflateSetDictionary(&z, before, before_len), Z_OK);
	for (size_t at = 0; way->flush_every > 0 && at + way->flush_every < n;
	     at += way->flush_every) {
		z.avail_in = way->flush_every;
		assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	}
	z.avail_in = p + n - z.next_in;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

#endif
