/* Deflate data that is long enough for restart points: which they are does not depend
 * on how it comes, and from each of them it decodes to what follows.
 *
 * The input is bare deflate data, and is given the header and checksum that are right:
 * a fuzzer does not find those. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/fuzz_decode.h"
#include "codec/gzip.h"
#include "codec/gzip_member.h"
#include "codec/restart.h"
#include "base/bytes.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum {
	ROOM_BYTES = 2 * RESTART_MIN_BYTES,
	POINTS = 2,
	REST_BYTES = 16 << 10 /* that are read from a point */
};

/* Once: asan maps anew what is so large. */
static uint8_t plain[ROOM_BYTES], room[ROOM_BYTES + 1];

struct point {
	uint64_t in, out; /* as in struct restart_point */
	unsigned bits;
	uint32_t window_len;
	uint8_t window[RESTART_WINDOW_BYTES];
};

struct outcome {
	struct point points[POINTS];
	unsigned n_points;
	size_t len;
	bool is_whole;
};

static void
note_point(struct outcome *o, const struct fuzz_decode *f)
{
	struct point *x = &o->points[o->n_points];
	struct decode_place place;

	if (o->n_points == POINTS)
		return;
	decoder_get_place(f->decoder, &place);
	assert(place.window_len <= RESTART_WINDOW_BYTES);
	assert(place.unread_bits / 8 < f->used);
	x->bits = place.unread_bits % 8;
	x->in = f->used - place.unread_bits / 8 - (x->bits > 0);
	x->out = f->len;
	x->window_len = place.window_len;
	memcpy(x->window, place.window, place.window_len);
	o->n_points++;
}

static void
decode(struct fuzz_decode *f, struct outcome *o)
{
	o->n_points = 0;
	decoder_reset(f->decoder);
	decoder_make_points(f->decoder, RESTART_MIN_BYTES);
	while (fuzz_decode_step(f))
		if (f->result == DECODE_POINT)
			note_point(o, f);
	o->len = f->len;
	o->is_whole = f->is_whole;
}

static void
expect_same_points(const struct outcome *a, const struct outcome *b)
{
	assert(a->n_points == b->n_points);
	for (unsigned i = 0; i < a->n_points; i++) {
		const struct point *x = &a->points[i], *y = &b->points[i];

		assert(x->in == y->in && x->out == y->out &&
		       x->bits == y->bits && x->window_len == y->window_len &&
		       memcmp(x->window, y->window, x->window_len) == 0);
	}
}

static void
read_from(struct decoder *d, const struct point *x, const uint8_t *p, size_t n,
    size_t len)
{
	size_t rest = min_u64(len - x->out, REST_BYTES);
	struct restart_point at = { .bits = x->bits,
		.window = x->window,
		.window_len = x->window_len };
	struct decode_part part = { p + x->in, n - x->in, 0, room, rest, false,
		&at };
	struct err e = ERR_INIT;

	assert(decoder_read_part(d, &part, &e) == 0);
	assert(memcmp(room, plain + x->out, rest) == 0);
}

/* `by` makes the points; both read from them. */
static void
check(struct decoder *by, struct decoder *other, const uint8_t *p, size_t n,
    size_t len, const uint8_t cut[2])
{
	static struct outcome whole, pieces;
	struct fuzz_decode at_once = { .decoder = by,
		.in = { p, n, n },
		.out = { room, sizeof room, sizeof room } };
	struct fuzz_decode in_pieces = { .decoder = by,
		.in = { p, n, 1 + cut[0] },
		.out = { room, sizeof room, 4096 + (size_t)cut[1] * 256 } };

	decode(&at_once, &whole);
	assert(whole.is_whole && whole.len == len &&
	       memcmp(room, plain, len) == 0);
	decode(&in_pieces, &pieces);
	assert(pieces.is_whole && pieces.len == len);
	expect_same_points(&whole, &pieces);
	for (unsigned i = 0; i < whole.n_points; i++) {
		read_from(by, &whole.points[i], p, n, len);
		read_from(other, &whole.points[i], p, n, len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct decoder *one, *other;
	AUTO_FREE uint8_t *member =
	    malloc(n + GZIP_HEADER_BYTES + GZIP_TRAILER_BYTES);
	size_t len = ROOM_BYTES;
	struct err e;

	if (one == NULL) {
		one = gzip_zlib_decoder_new(&e);
		other = gzip_decoder_new(&e);
	}
	if (n < 2 || member == NULL || one == NULL || other == NULL)
		return 0;
	n = gzip_wrap(member, p + 2, n - 2, plain, &len);
	if (n == 0 || len < RESTART_MIN_BYTES)
		return 0;
	check(one, other, member, n, len, p);
	check(other, one, member, n, len, p);
	return 0;
}
