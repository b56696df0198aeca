#include "codec/zstd.h"

#include <errno.h>
#include <stdlib.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/list.h"

struct zstd_decoder {
	struct decoder base;
	ZSTD_DCtx *dctx;
};

static struct zstd_decoder *
of(struct decoder *d)
{
	return container_of(d, struct zstd_decoder, base);
}

static int
set_err(struct err *e, size_t code)
{
	switch (ZSTD_getErrorCode(code)) {
	case ZSTD_error_memory_allocation:
		return err_set(e, ENOMEM, "zstd: out of memory");
	case ZSTD_error_frameParameter_windowTooLarge:
		return err_set(e, ENOTSUP, "zstd: window larger than 128 MiB");
	default:
		return err_set(e, EBADMSG, "zstd: %s", ZSTD_getErrorName(code));
	}
}

/* A frame of RFC 8878, or one to be skipped, by its first byte.  libzstd may be built,
 * as Debian's is, to decode what zstd wrote before 0.8, too: other readers of images do
 * not, and what it comes to depends on how the input is cut. */
static int
check_begin(uint8_t first, struct err *e)
{
	if (first == 0x28 || (first & 0xf0) == 0x50)
		return 0;
	return err_set(e, EBADMSG, "zstd: no frame begins here");
}

static enum decode_result
step(struct decoder *d, struct decode_step *s, struct err *e)
{
	ZSTD_inBuffer in = { s->in, s->in_len, 0 };
	ZSTD_outBuffer out = { s->out, s->out_len, 0 };
	size_t left;

	if (s->in_len == 0 && !d->is_inside)
		return DECODE_MORE;
	if (!d->is_inside && check_begin(*s->in, e) < 0)
		return DECODE_FAILED;
	left = ZSTD_decompressStream(of(d)->dctx, &out, &in);
	if (ZSTD_isError(left)) {
		set_err(e, left);
		return DECODE_FAILED;
	}
	s->in += in.pos;
	s->in_len -= in.pos;
	s->out += out.pos;
	s->out_len -= out.pos;
	d->is_inside = left != 0;
	return left == 0 ? DECODE_BOUNDARY : DECODE_MORE;
}

/* Up to one that is damaged, which decoding finds. */
static int
check_begins(const uint8_t *p, size_t n, struct err *e)
{
	while (n > 0) {
		size_t len;

		if (check_begin(*p, e) < 0)
			return -1;
		len = ZSTD_findFrameCompressedSize(p, n);
		if (ZSTD_isError(len))
			return 0;
		p += len;
		n -= len;
	}
	return 0;
}

/* In one go, without the copy through a window. */
static int
all(struct decoder *d, const struct decode_part *p, struct err *e)
{
	size_t n;

	if (check_begins(p->in, p->in_len, e) < 0)
		return -1;
	n = ZSTD_decompressDCtx(
	    of(d)->dctx, p->out, p->out_len, p->in, p->in_len);
	if (ZSTD_isError(n))
		return set_err(e, n);
	if (n != p->out_len)
		return err_set(
		    e, EBADMSG, "decodes to fewer bytes than expected");
	return 0;
}

static void
reset(struct decoder *d)
{
	ZSTD_DCtx_reset(of(d)->dctx, ZSTD_reset_session_only);
}

static void
destroy(struct decoder *d)
{
	ZSTD_freeDCtx(of(d)->dctx);
	free(of(d));
}

static const struct decoder_ops ops = {
	.step = step,
	.all = all,
	.reset = reset,
	.free = destroy,
};

struct decoder *
zstd_decoder_new(struct err *e)
{
	struct zstd_decoder *z = calloc(1, sizeof *z);

	if (z != NULL)
		z->dctx = ZSTD_createDCtx();
	if (z == NULL || z->dctx == NULL) {
		free(z);
		err_set(e, ENOMEM, "zstd: out of memory");
		return NULL;
	}
	ZSTD_DCtx_setParameter(z->dctx, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	z->base.ops = &ops;
	return &z->base;
}

int
zstd_pack(struct buf *out, const void *p, size_t n, int level, struct err *e)
{
	size_t room = ZSTD_compressBound(n), made;

	if (buf_reserve(out, room, e) < 0)
		return -1;
	made = ZSTD_compress(out->data + out->len, room, p, n, level);
	if (ZSTD_isError(made))
		return err_set(e, ENOMEM, "zstd: %s", ZSTD_getErrorName(made));
	out->len += made;
	return 0;
}
