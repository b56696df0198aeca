/* Deflate data that is long enough for restart points: which they are does not depend
 * on how it comes, and from each of them it decodes to what follows.
 *
 * The input is bare deflate data, and is given the header and checksum that are right:
 * a fuzzer does not find those. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "codec/gzip.h"
#include "codec/restart.h"
#include "base/bytes.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum {
	ROOM_BYTES = 2 * RESTART_MIN_BYTES,
	POINTS = 2,
	REST_BYTES = 16 << 10, /* that are read from a point */
	HEAD = 10,
	TAIL = 8
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

/* Into `plain`: how many bytes; 0: it is none, or longer than there is room. */
static size_t
inflate_all(const uint8_t *p, size_t *n)
{
	z_stream z = { .next_in = (uint8_t *)p,
		.avail_in = *n,
		.next_out = plain,
		.avail_out = ROOM_BYTES };
	bool is_whole;

	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return 0;
	is_whole = inflate(&z, Z_FINISH) == Z_STREAM_END;
	*n = z.total_in;
	inflateEnd(&z);
	return is_whole ? z.total_out : 0;
}

static void
wrap(uint8_t *to, const uint8_t *p, size_t n, size_t len)
{
	static const uint8_t header[HEAD] = { 0x1f, 0x8b, 8 };

	memcpy(to, header, HEAD);
	memcpy(to + HEAD, p, n);
	put_le32(to + HEAD + n, crc32(0, plain, len));
	put_le32(to + HEAD + n + 4, len);
}

static void
note_point(struct outcome *o, const struct decoder *d, uint64_t in)
{
	struct point *x = &o->points[o->n_points];
	struct decode_place place;

	if (o->n_points == POINTS)
		return;
	decoder_get_place(d, &place);
	assert(place.window_len <= RESTART_WINDOW_BYTES);
	assert(place.unread_bits / 8 < in);
	x->bits = place.unread_bits % 8;
	x->in = in - place.unread_bits / 8 - (x->bits > 0);
	x->out = o->len;
	x->window_len = place.window_len;
	memcpy(x->window, place.window, place.window_len);
	o->n_points++;
}

static void
decode(struct decoder *d, const uint8_t *p, size_t n, size_t in_step,
    size_t out_step, struct outcome *o)
{
	struct decode_step s = { .in = p, .out = room };
	struct err e = ERR_INIT;
	size_t given = 0;

	o->n_points = 0;
	o->len = 0;
	o->is_whole = false;
	decoder_reset(d);
	decoder_make_points(d, RESTART_MIN_BYTES);
	for (;;) {
		size_t more = s.in_len == 0 ? min_u64(in_step, n - given) : 0;
		size_t before;
		enum decode_result r;

		s.in_len += more;
		given += more;
		s.out_len = min_u64(out_step, sizeof room - o->len);
		before = s.in_len + s.out_len;
		r = decoder_step(d, &s, &e);
		o->len = s.out - room;
		if (r == DECODE_FAILED)
			return;
		if (r == DECODE_POINT)
			note_point(o, d, s.in - p);
		else if (s.in_len + s.out_len == before && given == n)
			break;
	}
	o->is_whole = decoder_is_between(d);
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

	decode(by, p, n, n, sizeof room, &whole);
	assert(whole.is_whole && whole.len == len &&
	       memcmp(room, plain, len) == 0);
	decode(by, p, n, 1 + cut[0], 4096 + (size_t)cut[1] * 256, &pieces);
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
	AUTO_FREE uint8_t *member = malloc(n + HEAD + TAIL);
	size_t len, used;
	struct err e;

	if (one == NULL) {
		one = gzip_zlib_decoder_new(&e);
		other = gzip_decoder_new(&e);
	}
	if (n < 2 || member == NULL || one == NULL || other == NULL)
		return 0;
	used = n - 2;
	len = inflate_all(p + 2, &used);
	if (len < RESTART_MIN_BYTES)
		return 0;
	wrap(member, p + 2, used, len);
	n = used + HEAD + TAIL;
	check(one, other, member, n, len, p);
	check(other, one, member, n, len, p);
	return 0;
}
