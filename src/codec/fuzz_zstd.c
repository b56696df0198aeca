/* What decodes at once does so in pieces, and to the same.
 *
 * Not the other way round: a frame that ends with an empty block may have told another
 * length than it has, and libzstd (1.5.4) sees that only where all of it is there. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "codec/fuzz_decode.h"
#include "codec/zstd.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { ROOM_BYTES = 256 << 10 };

static uint8_t room[ROOM_BYTES], again[ROOM_BYTES];

/* `piece` bytes of input, and as much room, at a time. */
static struct fuzz_decode
decode(struct decoder *d, const uint8_t *p, size_t n, size_t piece, uint8_t *to)
{
	struct fuzz_decode f = { .decoder = d,
		.in = { p, n, piece },
		.out = { to, ROOM_BYTES, piece } };

	decoder_reset(d);
	while (fuzz_decode_step(&f))
		;
	return f;
}

static bool
read_part(struct decoder *d, const uint8_t *p, size_t n, uint64_t skip,
    size_t len, bool is_all)
{
	struct decode_part part = { p, n, skip, again, len, is_all, NULL };
	struct err e = ERR_INIT;

	return decoder_read_part(d, &part, &e) == 0;
}

/* The first byte says how it is cut. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct decoder *d;
	struct fuzz_decode whole, cut;
	struct err e;
	size_t half;

	if (d == NULL)
		d = zstd_decoder_new(&e);
	if (n < 2 || d == NULL)
		return 0;
	whole = decode(d, p + 1, n - 1, ROOM_BYTES, room);
	if (!whole.is_whole || !read_part(d, p + 1, n - 1, 0, whole.len, true))
		return 0;
	assert(memcmp(room, again, whole.len) == 0);
	cut = decode(d, p + 1, n - 1, 1 + p[0], again);
	assert(cut.is_whole && cut.len == whole.len &&
	       memcmp(room, again, cut.len) == 0);
	half = whole.len / 2;
	assert(read_part(d, p + 1, n - 1, half, whole.len - half, false));
	assert(memcmp(room + half, again, whole.len - half) == 0);
	assert(!read_part(d, p + 1, n - 1, 1, whole.len, true));
	return 0;
}
