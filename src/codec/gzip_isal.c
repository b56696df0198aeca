#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "codec/gzip.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"

struct isal_decoder {
	struct decoder base;
	struct isal_gzip_header header;
	struct inflate_state z;
};

enum { FIRST_MAGIC = 0x1f, RESERVED_FLAGS = 0xe0 };

static struct isal_decoder *
of(struct decoder *d)
{
	return container_of(d, struct isal_decoder, base);
}

static enum decode_result
failed(int code, struct err *e)
{
	static const char *const reasons[] = {
		[-ISAL_INVALID_BLOCK] = "invalid block",
		[-ISAL_INVALID_SYMBOL] = "invalid code",
		[-ISAL_INVALID_LOOKBACK] = "invalid distance",
		[-ISAL_INVALID_WRAPPER] = "incorrect header",
		[-ISAL_UNSUPPORTED_METHOD] = "unknown method",
		[-ISAL_INCORRECT_CHECKSUM] = "incorrect checksum",
	};
	unsigned i = -code;
	const char *reason =
	    i < sizeof reasons / sizeof *reasons ? reasons[i] : NULL;

	err_set(e, EBADMSG, "gzip: %s", reason != NULL ? reason : "damaged");
	return DECODE_FAILED;
}

static void
begin_member(struct isal_decoder *g)
{
	isal_inflate_reset(&g->z);
	isal_gzip_header_init(&g->header);
}

/* isal_inflate() would read the header, too, but up to 2.31 it forgets the
 * flags where the input ends in the middle of one.  Reserved flags may mean
 * fields that nobody here can skip. */
static int
read_header(struct isal_decoder *g)
{
	int code = isal_read_gzip_header(&g->z, &g->header);

	if (code == ISAL_DECOMP_OK && (g->header.flags & RESERVED_FLAGS) != 0)
		return ISAL_INVALID_WRAPPER;
	return code;
}

static int
read_some(struct isal_decoder *g)
{
	int code = g->z.wrapper_flag ? ISAL_DECOMP_OK : read_header(g);

	return code == ISAL_DECOMP_OK ? isal_inflate(&g->z) : code;
}

static enum decode_result
step(struct decoder *d, struct decode_step *s, struct err *e)
{
	struct inflate_state *z = &of(d)->z;
	size_t in = min_u64(s->in_len, GIB(1));
	size_t out = min_u64(s->out_len, GIB(1));
	int code;

	if (in == 0 && !d->is_inside)
		return DECODE_MORE;
	/* isa-l waits for ten bytes before it looks at the first. */
	if (!d->is_inside && s->in[0] != FIRST_MAGIC)
		return failed(ISAL_INVALID_WRAPPER, e);
	if (!d->is_inside)
		begin_member(of(d));
	z->next_in = (uint8_t *)s->in;
	z->avail_in = in;
	z->next_out = s->out;
	z->avail_out = out;
	code = read_some(of(d));
	s->in += in - z->avail_in;
	s->in_len -= in - z->avail_in;
	s->out += out - z->avail_out;
	s->out_len -= out - z->avail_out;
	d->is_inside = z->block_state != ISAL_BLOCK_FINISH;
	if (code < 0)
		return failed(code, e);
	return d->is_inside ? DECODE_MORE : DECODE_BOUNDARY;
}

static void
reset(struct decoder *d)
{
	(void)d; /* a member's beginning does it */
}

static void
destroy(struct decoder *d)
{
	free(of(d));
}

static const struct decoder_ops ops = {
	.step = step,
	.reset = reset,
	.free = destroy,
};

struct decoder *
gzip_isal_decoder_new(struct err *e)
{
	struct isal_decoder *g = calloc(1, sizeof *g);

	if (g == NULL) {
		err_set(e, ENOMEM, "gzip: out of memory");
		return NULL;
	}
	isal_inflate_init(&g->z);
	g->z.crc_flag = ISAL_GZIP;
	g->base.ops = &ops;
	return &g->base;
}
