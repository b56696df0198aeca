/* Both implementations read the same bytes: what zlib decodes isa-l does, too,
 * to the same end, however the input is cut.  Without isa-l: zlib against
 * itself, cut elsewhere.
 *
 * The input is read as gzip and as bare deflate data, which is given the right
 * header and checksum: a fuzzer does not find those.
 *
 * And as what follows a restart point: it decodes to the same bytes with what is
 * kept of the window (window.h). */
#include <stdlib.h>
#include <string.h>

#include "codec/fuzz_decode.h"
#include "codec/gzip.h"
#include "codec/gzip_member.h"
#include "codec/restart.h"
#include "codec/window.h"
#include "base/bytes.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { ROOM_BYTES = 256 << 10 };

/* Once: asan maps anew what is so large, which takes longer than decoding. */
static uint8_t room_of_one[ROOM_BYTES], room_of_other[ROOM_BYTES];
static uint8_t plain[ROOM_BYTES];

/* How many units ended. */
static unsigned
decode(struct fuzz_decode *f)
{
	unsigned boundaries = 0;

	while (fuzz_decode_step(f))
		boundaries += f->result == DECODE_BOUNDARY;
	return boundaries;
}

/* The second half of it, and nothing behind that. */
static void
expect_part(struct decoder *d, const struct fuzz_decode *whole)
{
	size_t skip = whole->len / 2, rest = whole->len - skip;
	struct decode_part part = { whole->in.p, whole->in.n, skip, plain, rest,
		true, NULL };
	struct err e = ERR_INIT;

	if (decoder_read_part(d, &part, &e) < 0 ||
	    memcmp(plain, whole->out.p + skip, rest) != 0)
		__builtin_trap();
}

/* `in` and `out` say how it is cut for the other. */
static void
compare(const uint8_t *p, size_t n, size_t in, size_t out)
{
	struct err e = ERR_INIT;
	AUTO_DECODER struct decoder *one = gzip_zlib_decoder_new(&e);
	AUTO_DECODER struct decoder *other = gzip_decoder_new(&e);
	struct fuzz_decode a = { .decoder = one,
		.in = { p, n, n },
		.out = { room_of_one, ROOM_BYTES, ROOM_BYTES } };
	struct fuzz_decode b = { .decoder = other,
		.in = { p, n, in },
		.out = { room_of_other, ROOM_BYTES, out } };
	unsigned boundaries;
	bool is_same;

	if (one == NULL || other == NULL)
		return;
	boundaries = decode(&a);
	is_same = decode(&b) == boundaries && b.is_whole && b.len == a.len &&
		  memcmp(b.out.p, a.out.p, a.len) == 0;
	if (!a.is_whole)
		return;
	if (!is_same)
		__builtin_trap();
	expect_part(one, &a);
	expect_part(other, &a);
}

/* ---- windows ---- */

/* Into `plain`; how many bytes. */
static size_t
decode_after(const uint8_t *p, size_t n, const struct restart_point *at)
{
	z_stream z = { .next_in = (uint8_t *)p + (at->bits > 0),
		.avail_in = n - (at->bits > 0),
		.next_out = plain,
		.avail_out = ROOM_BYTES };

	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return 0;
	inflatePrime(&z, at->bits, p[0] >> (8 - at->bits));
	inflateSetDictionary(&z, at->window, at->window_len);
	inflate(&z, Z_SYNC_FLUSH);
	inflateEnd(&z);
	return z.total_out;
}

static bool
gives_plain(struct decoder *d, const uint8_t *p, size_t n, size_t made,
    const struct restart_point *at)
{
	struct decode_part part = { p, n, 0, room_of_one, made, false, at };
	struct err e = ERR_INIT;

	return decoder_read_part(d, &part, &e) == 0 &&
	       memcmp(room_of_one, plain, made) == 0;
}

/* Where it decodes by the whole window: isa-l fails at once where something
 * further on is wrong. */
static void
expect_plain(struct decoder *d, const uint8_t *p, size_t n, size_t made,
    const struct restart_point *whole, const struct restart_point *thin)
{
	if (d != NULL && gives_plain(d, p, n, made, whole) &&
	    !gives_plain(d, p, n, made, thin))
		__builtin_trap();
}

static void
compare_windows(const uint8_t *p, size_t n, const struct restart_point *at)
{
	static struct window *w;
	static struct sequel sequel;
	struct err e = ERR_INIT;
	AUTO_DECODER struct decoder *one = gzip_zlib_decoder_new(&e);
	AUTO_DECODER struct decoder *other = gzip_decoder_new(&e);
	struct decode_place place = { at->bits > 0 ? at->bits : 8, at->window,
		at->window_len };
	struct restart_point thin = *at;
	size_t made;

	if (w == NULL)
		w = window_new(gzip_decoder_new, &e);
	made = w != NULL && n > 0 ? decode_after(p, n, at) : 0;
	if (made == 0)
		return;
	sequel_note(&sequel, p, 1, 0);
	sequel_begin(&sequel, &place);
	sequel_note(&sequel, p + 1, n - 1, made);
	thin.window = window_thin(w, at, &sequel);
	for (size_t i = 0; i < at->window_len; i++)
		if (thin.window[i] != 0 && thin.window[i] != at->window[i])
			__builtin_trap();
	expect_plain(one, p, n, made, at, &thin);
	expect_plain(other, p, n, made, at, &thin);
}

static void
fill_window(uint8_t *window)
{
	uint32_t v = 7;

	for (size_t i = 0; i < RESTART_WINDOW_BYTES; i++) {
		v = v * 1664525 + 1013904223;
		window[i] = v >> 24 | 1;
	}
}

static void
compare_after_window(const uint8_t *p, size_t n, uint8_t bits, size_t len)
{
	static uint8_t window[RESTART_WINDOW_BYTES];
	struct restart_point at = { .bits = bits,
		.window = window,
		.window_len = min_u64(len, sizeof window) };

	if (window[0] == 0)
		fill_window(window);
	compare_windows(p, n, &at);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_FREE uint8_t *member =
	    malloc(n + GZIP_HEADER_BYTES + GZIP_TRAILER_BYTES);
	size_t in, out, len = ROOM_BYTES;

	if (n < 2 || member == NULL)
		return 0;
	in = 1 + p[0];
	out = 1 + (size_t)p[1] * 256;
	compare(p + 2, n - 2, in, out);
	len = gzip_wrap(member, p + 2, n - 2, plain, &len);
	if (len > 0)
		compare(member, len, in, out);
	compare_after_window(p + 2, n - 2, p[0] & 7, out);
	return 0;
}
