#include "codec/decode.h"

#include <assert.h>
#include <errno.h>

#include "codec/restart.h"
#include "base/bytes.h"
#include "base/err.h"

enum decode_result
decoder_step(struct decoder *d, struct decode_step *s, struct err *e)
{
	return d->ops->step(d, s, e);
}

bool
decoder_is_between(const struct decoder *d)
{
	return !d->is_inside;
}

void
decoder_reset(struct decoder *d)
{
	d->ops->reset(d);
	d->is_inside = false;
}

bool
decoder_make_points(struct decoder *d, uint64_t every)
{
	assert(every >= RESTART_MIN_BYTES);
	if (d->ops->make_points == NULL)
		return false;
	d->ops->make_points(d, every);
	return true;
}

void
decoder_get_place(const struct decoder *d, struct decode_place *out)
{
	d->ops->get_place(d, out);
}

void
decoder_free(struct decoder *d)
{
	if (d != NULL)
		d->ops->free(d);
}

/* Steps until the room is full or the input has nothing more to give. */
static int
fill(struct decoder *d, struct decode_step *s, struct err *e)
{
	while (s->out_len > 0) {
		size_t in_before = s->in_len, out_before = s->out_len;

		if (decoder_step(d, s, e) == DECODE_FAILED)
			return -1;
		if (s->in_len == in_before && s->out_len == out_before)
			break;
	}
	return 0;
}

static int
too_short(struct err *e)
{
	return err_set(e, EBADMSG, "decodes to fewer bytes than expected");
}

static int
skip_bytes(struct decoder *d, struct decode_step *s, uint64_t n, struct err *e)
{
	uint8_t scratch[16384];

	while (n > 0) {
		size_t room = min_u64(n, sizeof scratch);

		s->out = scratch;
		s->out_len = room;
		if (fill(d, s, e) < 0)
			return -1;
		if (s->out_len > 0)
			return too_short(e);
		n -= room;
	}
	return 0;
}

/* The input holds nothing but what has been read: no byte comes out of the
 * rest, and the rest is whole. */
static int
expect_end(struct decoder *d, struct decode_step *s, struct err *e)
{
	uint8_t byte;

	s->out = &byte;
	s->out_len = 1;
	if (fill(d, s, e) < 0)
		return -1;
	if (s->out_len == 0)
		return err_set(
		    e, EBADMSG, "decodes to more bytes than expected");
	if (!decoder_is_between(d))
		return err_set(e, EBADMSG, "compressed data is cut off");
	return 0;
}

/* A first byte of which only some bits count is taken here. */
static int
restart(struct decoder *d, const struct restart_point *p, struct decode_step *s,
    struct err *e)
{
	uint8_t first = s->in_len > 0 ? s->in[0] : 0;

	if (d->ops->restart == NULL)
		return err_set(e, ENOTSUP, "nothing to restart");
	if (s->in_len == 0 || p->bits > 7 ||
	    p->window_len > RESTART_WINDOW_BYTES)
		return err_set(e, EBADMSG, "no place to restart at");
	if (d->ops->restart(d, p, first, e) < 0)
		return -1;
	d->is_inside = true;
	if (p->bits > 0) {
		s->in++;
		s->in_len--;
	}
	return 0;
}

int
decoder_read_part(struct decoder *d, const struct decode_part *p, struct err *e)
{
	struct decode_step s = { .in = p->in, .in_len = p->in_len };

	decoder_reset(d);
	if (p->restart != NULL && restart(d, p->restart, &s, e) < 0)
		return -1;
	if (p->restart == NULL && p->is_all && p->skip == 0 &&
	    d->ops->all != NULL)
		return d->ops->all(d, p, e);
	if (skip_bytes(d, &s, p->skip, e) < 0)
		return -1;
	s.out = p->out;
	s.out_len = p->out_len;
	if (fill(d, &s, e) < 0)
		return -1;
	if (s.out_len > 0)
		return too_short(e);
	return p->is_all ? expect_end(d, &s, e) : 0;
}
