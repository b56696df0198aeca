/* Decoding in pieces, as fuzz targets cut them.  Only fuzz_*.c includes it.
 *
 *	struct fuzz_decode f = { .decoder = d, .in = { p, n, 7 }, .out = { ... } };
 *
 *	while (fuzz_decode_step(&f))
 *		... f.result ...
 */
#ifndef CODEC_FUZZ_DECODE_H
#define CODEC_FUZZ_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/decode.h"
#include "base/bytes.h"
#include "base/err.h"

struct fuzz_decode {
	struct decoder *decoder;
	struct {
		const uint8_t *p;
		size_t n, piece;
	} in;
	struct {
		uint8_t *p;
		size_t n, piece;
	} out;

	size_t used, len; /* of in, and in out */
	enum decode_result result;
	bool
	    is_whole; /* a row of whole units, and less than there is room for */

	size_t given; /* of in */
};

/* False: it is over.  A failure is told by `result`. */
static inline bool
fuzz_decode_step(struct fuzz_decode *f)
{
	struct decode_step s = { f->in.p + f->used, f->given - f->used,
		f->out.p + f->len, min_u64(f->out.piece, f->out.n - f->len) };
	size_t used = f->used, len = f->len;
	struct err e = ERR_INIT;

	if (s.out_len == 0)
		return false;
	if (s.in_len == 0)
		s.in_len = min_u64(f->in.piece, f->in.n - f->given);
	f->given = f->used + s.in_len;
	f->result = decoder_step(f->decoder, &s, &e);
	f->used = s.in - f->in.p;
	f->len = s.out - f->out.p;
	if (f->result == DECODE_FAILED)
		return false;
	if (f->used > used || f->len > len || f->given < f->in.n ||
	    f->result == DECODE_POINT)
		return true;
	f->is_whole = f->used == f->in.n && decoder_is_between(f->decoder);
	return false;
}

#endif
