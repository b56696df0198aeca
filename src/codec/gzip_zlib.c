#include <errno.h>
#include <stdlib.h>

#include <zlib.h>

#include "codec/gzip.h"
#include "codec/restart.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"

struct zlib_decoder {
	struct decoder base;
	z_stream z;
	unsigned trailer_left; /* of a restarted member, which zlib took for
				  bare deflate data */
	bool is_bare;          /* it does */

	uint64_t every, since; /* points: 0: none; decoded bytes since one */
	uint8_t *window;
	uInt window_len;
};

/* Added to the window's bits: no zlib, no raw. */
enum { GZIP_ONLY = 16, TRAILER_BYTES = 8 };

/* Of z_stream.data_type. */
enum { UNREAD_BITS = 7, IN_LAST_BLOCK = 64, BETWEEN_BLOCKS = 128 };

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

/* The checksum of a member that was read from its middle says nothing. */
static enum decode_result
skip_trailer(struct zlib_decoder *g, struct decode_step *s)
{
	size_t n = min_u64(g->trailer_left, s->in_len);

	s->in += n;
	s->in_len -= n;
	g->trailer_left -= n;
	if (g->trailer_left > 0)
		return DECODE_MORE;
	g->base.is_inside = false;
	return DECODE_BOUNDARY;
}

static int
begin_member(struct zlib_decoder *g)
{
	g->since = 0;
	g->is_bare = false;
	return inflateReset2(&g->z, MAX_WBITS + GZIP_ONLY);
}

static bool
is_at_point(const struct zlib_decoder *g)
{
	return g->every > 0 && g->since >= g->every &&
	       (g->z.data_type & BETWEEN_BLOCKS) != 0 &&
	       (g->z.data_type & IN_LAST_BLOCK) == 0;
}

/* Where a point is due the next stop is between two blocks.  It is asked for
 * from the byte before on: later zlib may have passed a block's end already. */
static int
inflate_once(struct zlib_decoder *g)
{
	z_stream *z = &g->z;
	bool is_near = g->every > 0 && g->since + 1 >= g->every;
	uInt room = z->avail_out, kept_back = 0;
	int code;

	if (g->every > 0 && !is_near)
		kept_back = room - min_u64(room, g->every - 1 - g->since);
	z->avail_out -= kept_back;
	code = inflate(z, is_near ? Z_BLOCK : Z_NO_FLUSH);
	z->avail_out += kept_back;
	g->since += room - z->avail_out;
	/* No progress possible is no error: nothing was given. */
	return code == Z_BUF_ERROR ? Z_OK : code;
}

/* Z_OK: there is a point, or nothing to do with what was given. */
static int
inflate_some(struct zlib_decoder *g)
{
	z_stream *z = &g->z;
	uInt room;
	int code;

	do {
		room = z->avail_out;
		code = inflate_once(g);
	} while (code == Z_OK && !is_at_point(g) && z->avail_out > 0 &&
		 (z->avail_in > 0 || z->avail_out < room));
	return code;
}

static enum decode_result
take_point(struct zlib_decoder *g, struct err *e)
{
	g->since = 0;
	if (inflateGetDictionary(&g->z, g->window, &g->window_len) == Z_OK)
		return DECODE_POINT;
	err_set(e, ENOMEM, "gzip: no window");
	return DECODE_FAILED;
}

static enum decode_result
end_member(struct zlib_decoder *g, struct decode_step *s)
{
	if (!g->is_bare) {
		g->base.is_inside = false;
		return DECODE_BOUNDARY;
	}
	g->trailer_left = TRAILER_BYTES;
	return skip_trailer(g, s);
}

static enum decode_result
step(struct decoder *d, struct decode_step *s, struct err *e)
{
	struct zlib_decoder *g = of(d);
	z_stream *z = &g->z;
	size_t in = min_u64(s->in_len, GIB(1));
	size_t out = min_u64(s->out_len, GIB(1));
	int code;

	if (in == 0 && !d->is_inside)
		return DECODE_MORE;
	if (g->trailer_left > 0)
		return skip_trailer(g, s);
	if (!d->is_inside && begin_member(g) != Z_OK)
		return failed(z, Z_MEM_ERROR, e);
	z->next_in = (uint8_t *)s->in;
	z->avail_in = in;
	z->next_out = s->out;
	z->avail_out = out;
	code = inflate_some(g);
	s->in += in - z->avail_in;
	s->in_len -= in - z->avail_in;
	s->out += out - z->avail_out;
	s->out_len -= out - z->avail_out;
	d->is_inside = true;
	if (code == Z_STREAM_END)
		return end_member(g, s);
	if (code != Z_OK)
		return failed(z, code, e);
	return is_at_point(g) ? take_point(g, e) : DECODE_MORE;
}

static int
restart(struct decoder *d, const struct restart_point *p, uint8_t first,
    struct err *e)
{
	struct zlib_decoder *g = of(d);

	g->is_bare = true;
	if (inflateReset2(&g->z, -MAX_WBITS) == Z_OK &&
	    inflatePrime(&g->z, p->bits, first >> (8 - p->bits)) == Z_OK &&
	    (p->window_len == 0 ||
		inflateSetDictionary(&g->z, p->window, p->window_len) == Z_OK))
		return 0;
	return err_set(e, ENOMEM, "gzip: cannot restart");
}

static void
make_points(struct decoder *d, uint64_t every)
{
	of(d)->every = every;
}

static void
get_place(const struct decoder *d, struct decode_place *out)
{
	const struct zlib_decoder *g =
	    container_of(d, const struct zlib_decoder, base);

	*out = (struct decode_place){
		.unread_bits = g->z.data_type & UNREAD_BITS,
		.window = g->window,
		.window_len = g->window_len,
	};
}

static void
reset(struct decoder *d)
{
	struct zlib_decoder *g = of(d);

	g->every = 0;
	g->trailer_left = 0;
	begin_member(g);
}

static void
destroy(struct decoder *d)
{
	inflateEnd(&of(d)->z);
	free(of(d)->window);
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
gzip_zlib_decoder_new(struct err *e)
{
	struct zlib_decoder *g = calloc(1, sizeof *g);

	if (g != NULL)
		g->window = malloc(RESTART_WINDOW_BYTES);
	if (g == NULL || g->window == NULL ||
	    inflateInit2(&g->z, MAX_WBITS + GZIP_ONLY) != Z_OK) {
		if (g != NULL)
			free(g->window);
		free(g);
		err_set(e, ENOMEM, "gzip: out of memory");
		return NULL;
	}
	g->base.ops = &ops;
	return &g->base;
}
