#include "codec/zstd_encoder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "base/err.h"

enum { SKIPPABLE_MAGIC = 0x184D2A50, ROOM_BYTES = 16 << 10 };

/* What ZSTD_LEVEL_DEFAULT is for frames of so many bytes at most.  libzstd's level 6
 * spends the most where the fewest bytes are, and of large frames it finds fewer
 * matches, those of five bytes: it takes 4 to 8 % longer for the same size. */
struct effort {
	size_t frame_max;
	ZSTD_strategy strategy;
	int search_log;
};

static const struct effort efforts[] = {
	{ 16 << 10, ZSTD_greedy, 4 },
	{ SIZE_MAX, ZSTD_lazy, 3 },
};

enum { MIN_MATCH = 4, HASH_LOG = 17 }; /* of all of them */

struct zstd_encoder {
	ZSTD_CCtx *cctx; /* first: new_with_context() */
	bool is_default;
	const struct effort *effort; /* that the context is set to */
};

struct zstd_packer {
	ZSTD_CCtx *cctx; /* first */
	struct buf frame;
	uint64_t text_len, text_max;
};

static int
set_err(struct err *e, size_t code)
{
	if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
		return err_set(e, ENOMEM, "zstd: out of memory");
	return err_set(e, EINVAL, "zstd: %s", ZSTD_getErrorName(code));
}

/* `size` zeros that begin with a context. */
static void *
new_with_context(size_t size, int level, struct err *e)
{
	ZSTD_CCtx **z = calloc(1, size);

	if (z == NULL || (*z = ZSTD_createCCtx()) == NULL) {
		free(z);
		err_set(e, ENOMEM, "zstd: out of memory");
		return NULL;
	}
	ZSTD_CCtx_setParameter(*z, ZSTD_c_compressionLevel, level);
	return z;
}

/* ---- frames of bytes that lie together ---- */

struct zstd_encoder *
zstd_encoder_new(int level, struct err *e)
{
	struct zstd_encoder *z = new_with_context(sizeof *z, level, e);

	if (z != NULL)
		z->is_default = level == ZSTD_LEVEL_DEFAULT;
	return z;
}

void
zstd_encoder_free(struct zstd_encoder *z)
{
	if (z == NULL)
		return;
	ZSTD_freeCCtx(z->cctx);
	free(z);
}

static void
set_effort(struct zstd_encoder *z, size_t n)
{
	const struct effort *x = efforts;

	while (n > x->frame_max)
		x++;
	if (z->effort == x)
		return;
	z->effort = x;
	ZSTD_CCtx_setParameter(z->cctx, ZSTD_c_strategy, x->strategy);
	ZSTD_CCtx_setParameter(z->cctx, ZSTD_c_searchLog, x->search_log);
	ZSTD_CCtx_setParameter(z->cctx, ZSTD_c_minMatch, MIN_MATCH);
	ZSTD_CCtx_setParameter(z->cctx, ZSTD_c_hashLog, HASH_LOG);
}

int
zstd_encoder_frame(struct zstd_encoder *z, const void *p, size_t n,
    struct buf *out, struct err *e)
{
	size_t made;

	if (buf_reserve(out, ZSTD_compressBound(n), e) < 0)
		return -1;
	if (z->is_default)
		set_effort(z, n);
	made = ZSTD_compress2(
	    z->cctx, out->data + out->len, out->cap - out->len, p, n);
	if (ZSTD_isError(made))
		return set_err(e, made);
	out->len += made;
	return 0;
}

/* ---- one frame of a text in pieces ---- */

struct zstd_packer *
zstd_packer_new(int level, size_t text_max, struct err *e)
{
	struct zstd_packer *z = new_with_context(sizeof *z, level, e);

	if (z == NULL)
		return NULL;
	z->text_max = text_max;
	buf_init(&z->frame, ZSTD_compressBound(text_max) + ROOM_BYTES);
	return z;
}

void
zstd_packer_free(struct zstd_packer *z)
{
	if (z == NULL)
		return;
	ZSTD_freeCCtx(z->cctx);
	buf_release(&z->frame);
	free(z);
}

/* All of the input is read; with ZSTD_e_end the frame is complete, too. */
static int
pack(struct zstd_packer *z, const void *p, size_t n, ZSTD_EndDirective end,
    struct err *e)
{
	ZSTD_inBuffer in = { p, n, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out;

		if (buf_reserve(&z->frame, ROOM_BYTES, e) < 0)
			return -1;
		out = (ZSTD_outBuffer){ z->frame.data + z->frame.len,
			z->frame.cap - z->frame.len, 0 };
		left = ZSTD_compressStream2(z->cctx, &out, &in, end);
		if (ZSTD_isError(left))
			return set_err(e, left);
		z->frame.len += out.pos;
	} while (in.pos < n || (end == ZSTD_e_end && left > 0));
	return 0;
}

int
zstd_packer_add(struct zstd_packer *z, const void *p, size_t n, struct err *e)
{
	if (n > z->text_max - z->text_len)
		return err_set(
		    e, E2BIG, "over %ju bytes of text", (uintmax_t)z->text_max);
	z->text_len += n;
	return pack(z, p, n, ZSTD_e_continue, e);
}

int
zstd_packer_end(
    struct zstd_packer *z, struct buf *out, uint64_t *text_len, struct err *e)
{
	if (pack(z, NULL, 0, ZSTD_e_end, e) < 0)
		return -1;
	*text_len = z->text_len;
	buf_release(out);
	*out = z->frame;
	z->frame = BUF_INIT(0);
	return 0;
}

void
zstd_skippable_header(uint8_t out[ZSTD_SKIPPABLE_HEADER], uint32_t payload_len)
{
	put_le32(out, SKIPPABLE_MAGIC);
	put_le32(out + 4, payload_len);
}
