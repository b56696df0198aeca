#include <errno.h>
#include <stdlib.h>

#include <zlib.h>

#include "codec/gzip.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"

struct zlib_decoder {
	struct decoder base;
	z_stream z;
};

enum { GZIP_ONLY = 16 }; /* added to the window's bits: no zlib, no raw */

static struct zlib_decoder *
of(struct decoder *d)
{
	return container_of(d, struct zlib_decoder, base);
}

static enum decode_result
failed(const z_stream *z, int code, struct err *e)
{
	if (code == Z_MEM_ERROR)
		err_set(e, ENOMEM, "gzip: out of memory");
	else
		err_set(e, EBADMSG, "gzip: %s",
		    z->msg != NULL ? z->msg : "damaged");
	return DECODE_FAILED;
}

static enum decode_result
step(struct decoder *d, struct decode_step *s, struct err *e)
{
	z_stream *z = &of(d)->z;
	size_t in = min_u64(s->in_len, GIB(1));
	size_t out = min_u64(s->out_len, GIB(1));
	int code;

	if (in == 0 && !d->is_inside)
		return DECODE_MORE;
	if (!d->is_inside)
		inflateReset(z);
	z->next_in = (uint8_t *)s->in;
	z->avail_in = in;
	z->next_out = s->out;
	z->avail_out = out;
	code = inflate(z, Z_NO_FLUSH);
	s->in += in - z->avail_in;
	s->in_len -= in - z->avail_in;
	s->out += out - z->avail_out;
	s->out_len -= out - z->avail_out;
	d->is_inside = code != Z_STREAM_END;
	if (code == Z_STREAM_END)
		return DECODE_BOUNDARY;
	/* No progress possible is no error: nothing was given. */
	if (code == Z_OK || code == Z_BUF_ERROR)
		return DECODE_MORE;
	return failed(z, code, e);
}

static void
reset(struct decoder *d)
{
	inflateReset(&of(d)->z);
}

static void
destroy(struct decoder *d)
{
	inflateEnd(&of(d)->z);
	free(of(d));
}

static const struct decoder_ops ops = {
	.step = step,
	.reset = reset,
	.free = destroy,
};

struct decoder *
gzip_zlib_decoder_new(struct err *e)
{
	struct zlib_decoder *g = calloc(1, sizeof *g);

	if (g == NULL || inflateInit2(&g->z, MAX_WBITS + GZIP_ONLY) != Z_OK) {
		free(g);
		err_set(e, ENOMEM, "gzip: out of memory");
		return NULL;
	}
	g->base.ops = &ops;
	return &g->base;
}
