#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "codec/gzip.h"
#include "codec/restart.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"

/* isa-l does not stop between blocks.  But it ends a member with the block that
 * is the last by its header, and says in its state whether it is: a block that
 * is told to be the last (`bfinal`) ends the member, and then it is told that
 * more follow.  The history it drops then it is given again as a dictionary.
 *
 * It decodes up to 64 KiB ahead of the room that it has.  So it is aimed at a
 * point from LEAD_BYTES before it on, and every block's end from there on is
 * seen: which one is the point does not depend on how input and room are cut.
 * Only the end of a block shorter than HEADER_STEP goes unseen.
 */
enum stage {
	STAGE_FAR,    /* from where the next point is due */
	STAGE_HEADER, /* a block's header is given to it in small steps */
	STAGE_AIMED,  /* the current block ends the member, it thinks */
	STAGE_LAST,   /* it does */
};

enum { LEAD_BYTES = 128 << 10, HEADER_STEP = 64 };

struct aim {
	uint64_t every, since; /* 0: no points; decoded bytes since the last */
	enum stage stage;
	unsigned header_left; /* of the step */
	uint32_t window_len;
	uint8_t window[RESTART_WINDOW_BYTES];
};

struct isal_decoder {
	struct decoder base;
	bool is_restarted; /* in the middle of the member: no checksum */
	struct isal_gzip_header header;
	struct inflate_state z;
	struct aim aim;
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
	g->z.crc_flag = ISAL_GZIP;
	isal_gzip_header_init(&g->header);
	g->is_restarted = false;
	g->aim.since = 0;
	g->aim.stage = STAGE_FAR;
	g->aim.window_len = 0;
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

/* ---- points ---- */

/* Which may be called with the header read or not. */
static void
look_at_block(struct isal_decoder *g)
{
	struct inflate_state *z = &g->z;

	switch (z->block_state) {
	case ISAL_BLOCK_NEW_HDR:
	case ISAL_BLOCK_HDR:
		g->aim.stage = STAGE_HEADER;
		g->aim.header_left = HEADER_STEP;
		return;
	case ISAL_BLOCK_TYPE0:
	case ISAL_BLOCK_CODED:
		if (z->bfinal)
			break;
		z->bfinal = 1;
		z->crc_flag = ISAL_GZIP_NO_HDR; /* nor a trailer */
		g->aim.stage = STAGE_AIMED;
		return;
	default:
		break;
	}
	g->aim.stage = STAGE_LAST;
}

/* How much of input and room to use at once. */
static void
aim(struct isal_decoder *g)
{
	struct aim *a = &g->aim;
	uint64_t far = a->every - LEAD_BYTES;

	if (a->every == 0)
		return;
	if (a->stage == STAGE_FAR && a->since >= far)
		look_at_block(g);
	if (a->stage == STAGE_FAR)
		g->z.avail_out = min_u64(g->z.avail_out, far - a->since);
	if (a->stage == STAGE_HEADER)
		g->z.avail_in = min_u64(g->z.avail_in, a->header_left);
}

/* n bytes more were decoded, the last at `end`. */
static void
keep_window(struct aim *a, const uint8_t *end, size_t n)
{
	size_t keep = min_u64(
	    a->window_len, RESTART_WINDOW_BYTES - min_u64(n, sizeof a->window));

	n = min_u64(n, sizeof a->window);
	memmove(a->window, a->window + a->window_len - keep, keep);
	memcpy(a->window + keep, end - n, n);
	a->window_len = keep + n;
}

/* The block has ended that was told to be the last. */
static void
go_on_with_member(struct isal_decoder *g)
{
	struct inflate_state *z = &g->z;
	uint32_t dict_length = z->dict_length;

	z->block_state = ISAL_BLOCK_NEW_HDR;
	z->bfinal = 0;
	z->crc_flag = ISAL_GZIP;
	isal_inflate_set_dict(z, g->aim.window, g->aim.window_len);
	z->dict_length = dict_length;
	look_at_block(g);
}

/* What the call came to; true: here is a point. */
static bool
note_progress(struct isal_decoder *g, size_t used, size_t made)
{
	struct aim *a = &g->aim;

	if (a->every == 0)
		return false;
	a->since += made;
	keep_window(a, g->z.next_out, made);
	if (a->stage == STAGE_HEADER) {
		a->header_left -= used;
		if (a->header_left == 0)
			look_at_block(g);
		return false;
	}
	if (a->stage != STAGE_AIMED || g->z.block_state != ISAL_BLOCK_FINISH)
		return false;
	go_on_with_member(g);
	if (a->since < a->every)
		return false;
	a->since = 0;
	a->stage = STAGE_FAR;
	return true;
}

static void
make_points(struct decoder *d, uint64_t every)
{
	of(d)->aim.every = every;
}

static void
get_place(const struct decoder *d, struct decode_place *out)
{
	const struct isal_decoder *g =
	    container_of(d, const struct isal_decoder, base);

	*out = (struct decode_place){
		.unread_bits = g->z.read_in_length,
		.window = g->aim.window,
		.window_len = g->aim.window_len,
	};
}

/* ---- a step ---- */

/* One call; `s` and *is_point say what came of it. */
static int
read_once(struct isal_decoder *g, struct decode_step *s, bool *is_point)
{
	struct inflate_state *z = &g->z;
	uint8_t *in = (uint8_t *)s->in, *out = s->out;
	int code;

	z->next_in = in;
	z->avail_in = min_u64(s->in_len, GIB(1));
	z->next_out = out;
	z->avail_out = min_u64(s->out_len, GIB(1));
	aim(g);
	code = read_some(g);
	/* Where it fails, isa-l may have counted more than there was. */
	if (code < 0 && code != ISAL_INCORRECT_CHECKSUM)
		return code;
	s->in = z->next_in;
	s->in_len -= z->next_in - in;
	s->out = z->next_out;
	s->out_len -= z->next_out - out;
	*is_point =
	    code >= 0 && note_progress(g, z->next_in - in, z->next_out - out);
	return code;
}

static enum decode_result
step(struct decoder *d, struct decode_step *s, struct err *e)
{
	struct isal_decoder *g = of(d);
	bool is_point = false;
	size_t room;
	int code;

	if (s->in_len == 0 && !d->is_inside)
		return DECODE_MORE;
	/* isa-l waits for ten bytes before it looks at the first. */
	if (!d->is_inside && s->in[0] != FIRST_MAGIC)
		return failed(ISAL_INVALID_WRAPPER, e);
	if (!d->is_inside)
		begin_member(g);
	do {
		room = s->out_len;
		code = read_once(g, s, &is_point);
		d->is_inside = g->z.block_state != ISAL_BLOCK_FINISH;
		if (code == ISAL_INCORRECT_CHECKSUM && g->is_restarted) {
			d->is_inside = false;
			code = ISAL_DECOMP_OK;
		}
		if (code < 0)
			return failed(code, e);
	} while (d->is_inside && !is_point && s->out_len > 0 &&
		 (s->in_len > 0 || s->out_len < room));
	if (is_point)
		return DECODE_POINT;
	return d->is_inside ? DECODE_MORE : DECODE_BOUNDARY;
}

static int
restart(struct decoder *d, const struct restart_point *p, uint8_t first,
    struct err *e)
{
	struct isal_decoder *g = of(d);

	begin_member(g);
	g->is_restarted = true;
	g->z.wrapper_flag = 1;
	g->z.read_in = first >> (8 - p->bits);
	g->z.read_in_length = p->bits;
	if (p->window_len == 0 ||
	    isal_inflate_set_dict(&g->z, (uint8_t *)p->window, p->window_len) ==
		ISAL_DECOMP_OK)
		return 0;
	return err_set(e, EBADMSG, "gzip: cannot restart");
}

static void
reset(struct decoder *d)
{
	of(d)->aim.every = 0; /* a member's beginning does the rest */
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
	.restart = restart,
	.make_points = make_points,
	.get_place = get_place,
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
