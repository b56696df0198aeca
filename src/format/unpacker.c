#include "format/unpacker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "format/seek_table.h"
#include "format/stretch.h"
#include "codec/decode.h"
#include "codec/restart.h"
#include "codec/window.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/limits.h"

enum { GROUP_BYTES = 64 << 10 }; /* small frames go together up to here */

/* Decoded bytes of a span.  A larger one makes fewer points, whose windows are in
 * the index that a node waits for; but who misses one file in it fetches and
 * decodes more.  Python's layers: windows as a part of the blob, what a start by
 * the index reads of all, CPU seconds of the first pull: 1.5 MiB 0.4 %, 37 %,
 * 1.2; 512 KiB 1.1 %, 28 %, 1.3; 256 KiB 2.0 %, 26 %, 1.45.
 * Of a large blob a start reads no more than of a small one, yet it waits for all
 * points. */
#define SPAN_MIN_BYTES KIB(512)
#define SPAN_MAX_BYTES KIB(1536)
#define SPANS 512 /* of the blob's own length */

/* Decoded bytes are held back until the end of their range is seen, because only
 * then it is known what gives them again: a frame's end, or a point where a
 * gzip member can be restarted.  What does not end within LIMIT_HELD_BYTES is
 * let through: its bytes are STREAM.  Small frames make one range together, so
 * that a blob of tiny frames is no table of tiny chunks.
 */
struct unpacker {
	enum chunk_codec codec;
	struct decoder *decoder; /* NULL: the blob is a tar */
	struct seek_check *seek; /* zstd only */
	uint64_t blob_size, blob_off;

	struct list held; /* stretches; the last is being filled */
	uint64_t held_bytes;
	uint64_t group_off; /* blob_off of the first frame or span held */
	uint64_t group_end; /* of the last that decoded to anything */
	uint64_t frame_len; /* decoded bytes of the current frame */
	bool is_passing;    /* the current frame is too large to hold */

	/* What is held begins inside a frame, where this restarts. */
	bool is_span;
	uint8_t bits;
	uint32_t window_len;
	uint8_t window[RESTART_WINDOW_BYTES];
	struct sequel sequel;

	uint64_t stream_off; /* decoded bytes given */
	struct hasher *hasher;
};

/* ---- life ---- */

static uint64_t
span_bytes(uint64_t blob_size)
{
	return min_u64(
	    max_u64(blob_size / SPANS, SPAN_MIN_BYTES), SPAN_MAX_BYTES);
}

static int
make_parts(struct unpacker *u, const struct format *f, struct err *e)
{
	if (f->decoder_new == NULL)
		return 0;
	u->decoder = f->decoder_new(e);
	if (u->decoder == NULL)
		return -1;
	decoder_make_points(u->decoder, span_bytes(u->blob_size));
	if (u->codec != CHUNK_ZSTD)
		return 0;
	u->seek = seek_check_new(e);
	return u->seek == NULL ? -1 : 0;
}

struct unpacker *
unpacker_new(const struct format *f, enum chunk_codec codec, uint64_t blob_size,
    struct err *e)
{
	struct unpacker *u = calloc(1, sizeof *u);

	if (u == NULL) {
		err_set(e, ENOMEM, "unpacker: out of memory");
		return NULL;
	}
	u->codec = codec;
	u->blob_size = blob_size;
	u->hasher = hasher_new();
	list_init(&u->held);
	if (make_parts(u, f, e) < 0) {
		unpacker_free(u);
		return NULL;
	}
	return u;
}

void
unpacker_free(struct unpacker *u)
{
	struct list *l;

	if (u == NULL)
		return;
	while ((l = list_pop_front(&u->held)) != NULL)
		free(list_entry(l, struct stretch, link));
	decoder_free(u->decoder);
	seek_check_free(u->seek);
	hasher_free(u->hasher);
	free(u);
}

/* ---- stretches ---- */

/* The one that is being filled, with room in it. */
static struct stretch *
open_stretch(struct unpacker *u, struct stretch_taker *taker, struct err *e)
{
	struct stretch *last =
	    list_is_empty(&u->held)
		? NULL
		: list_entry(u->held.prev, struct stretch, link);

	if (last != NULL && last->len < STRETCH_BYTES)
		return last;
	last = taker->empty(taker, e);
	if (last == NULL)
		return NULL;
	last->len = 0;
	list_push_back(&u->held, &last->link);
	return last;
}

/* n bytes more are in it. */
static void
fill_stretch(struct unpacker *u, struct stretch *x, size_t n)
{
	hasher_update(u->hasher, x->bytes + x->len, n);
	x->len += n;
	u->held_bytes += n;
}

static int
give(struct unpacker *u, struct stretch *x, struct stretch_taker *taker,
    struct err *e)
{
	x->stream_off = u->stream_off;
	u->stream_off += x->len;
	if (u->stream_off <= LIMIT_DATA_BYTES)
		return taker->take(taker, x, e);
	free(x);
	return err_set(e, EBADMSG, "layer is too large");
}

static bool
is_range(const struct unpacker *u)
{
	return u->decoder != NULL && !u->is_passing &&
	       u->group_end - u->group_off <= LIMIT_CHUNK_BLOB_BYTES;
}

static void
put_point(const struct unpacker *u, struct stretch *x)
{
	x->has_point = true;
	x->bits = u->bits;
	x->window_len = u->window_len;
	memcpy(x->window, u->window, u->window_len);
	x->sequel = u->sequel;
}

/* How the blob gives the stretch again, whose range begins at range_off. */
static void
put_range(const struct unpacker *u, struct stretch *x, uint64_t range_off)
{
	x->has_point = false;
	x->blob_off = x->blob_len = x->range_off = 0;
	x->codec = u->decoder == NULL ? u->codec : CHUNK_STREAM;
	if (!is_range(u))
		return;
	x->codec = u->is_span ? CHUNK_SPAN : u->codec;
	x->blob_off = u->group_off;
	x->blob_len = u->group_end - u->group_off;
	x->range_off = range_off;
	if (u->is_span && u->stream_off == range_off)
		put_point(u, x);
}

static int
give_held(struct unpacker *u, struct stretch_taker *taker, struct err *e)
{
	uint64_t range_off = u->stream_off;
	struct list *l;

	if (u->held_bytes == 0)
		return 0;
	u->held_bytes = 0;
	while ((l = list_pop_front(&u->held)) != NULL) {
		struct stretch *x = list_entry(l, struct stretch, link);

		put_range(u, x, range_off);
		if (give(u, x, taker, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- the bytes' way ---- */

/* A frame or member is complete. */
static int
end_frame(struct unpacker *u, struct stretch_taker *taker, struct err *e)
{
	if (u->seek != NULL)
		seek_check_frame(u->seek, u->frame_len);
	if (u->frame_len > 0)
		u->group_end = u->blob_off;
	u->frame_len = 0;
	if (!u->is_passing && !u->is_span && u->held_bytes > 0 &&
	    u->held_bytes < GROUP_BYTES)
		return 0;
	if (give_held(u, taker, e) < 0)
		return -1;
	u->group_off = u->blob_off;
	u->is_passing = false;
	u->is_span = false;
	return 0;
}

/* The frame can be restarted here: up to here what is held is a range, and the
 * next begins.  They share the byte that both have bits of. */
static int
end_span(struct unpacker *u, struct stretch_taker *taker, struct err *e)
{
	struct decode_place place;
	uint64_t whole;

	decoder_get_place(u->decoder, &place);
	whole = u->blob_off - place.unread_bits / 8;
	u->group_end = whole;
	if (give_held(u, taker, e) < 0)
		return -1;
	u->bits = place.unread_bits % 8;
	u->group_off = whole - (u->bits > 0);
	u->window_len = place.window_len;
	memcpy(u->window, place.window, place.window_len);
	sequel_begin(&u->sequel, &place);
	u->is_span = true;
	u->is_passing = false;
	return 0;
}

/* One step of the decoder; *is_stuck when it wants more input. */
static int
decode_some(struct unpacker *u, const uint8_t **p, size_t *n,
    struct stretch_taker *taker, bool *is_stuck, struct err *e)
{
	struct stretch *x = open_stretch(u, taker, e);
	struct decode_step step = { .in = *p, .in_len = *n };
	enum decode_result result;
	size_t used, made;

	if (x == NULL)
		return -1;
	step.out = x->bytes + x->len;
	step.out_len = STRETCH_BYTES - x->len;
	result = decoder_step(u->decoder, &step, e);
	if (result == DECODE_FAILED)
		return err_wrap(
		    e, "blob at %llu", (unsigned long long)u->blob_off);
	used = *n - step.in_len;
	made = STRETCH_BYTES - x->len - step.out_len;
	if (u->seek != NULL && seek_check_bytes(u->seek, *p, used, e) < 0)
		return -1;
	sequel_note(&u->sequel, *p, used, made);
	*p += used;
	*n -= used;
	u->blob_off += used;
	u->frame_len += made;
	fill_stretch(u, x, made);
	*is_stuck = used == 0 && made == 0 && result == DECODE_MORE;
	if (result == DECODE_BOUNDARY)
		return end_frame(u, taker, e);
	if (result == DECODE_POINT)
		return end_span(u, taker, e);
	if (u->held_bytes >= LIMIT_HELD_BYTES)
		u->is_passing = true;
	return u->is_passing && x->len == STRETCH_BYTES ? give_held(u, taker, e)
							: 0;
}

static int
decode(struct unpacker *u, const uint8_t *p, size_t n,
    struct stretch_taker *taker, struct err *e)
{
	bool is_stuck = false;

	while (!is_stuck)
		if (decode_some(u, &p, &n, taker, &is_stuck, e) < 0)
			return -1;
	return 0;
}

static int
copy(struct unpacker *u, const uint8_t *p, size_t n,
    struct stretch_taker *taker, struct err *e)
{
	while (n > 0) {
		struct stretch *x = open_stretch(u, taker, e);
		size_t some;

		if (x == NULL)
			return -1;
		some = min_u64(n, STRETCH_BYTES - x->len);
		memcpy(x->bytes + x->len, p, some);
		fill_stretch(u, x, some);
		u->blob_off += some;
		p += some;
		n -= some;
		if (x->len == STRETCH_BYTES && give_held(u, taker, e) < 0)
			return -1;
	}
	return 0;
}

int
unpacker_feed(struct unpacker *u, const void *p, size_t n,
    struct stretch_taker *taker, struct err *e)
{
	if (n > u->blob_size - u->blob_off)
		return err_set(e, EBADMSG, "blob is longer than it should be");
	return u->decoder != NULL ? decode(u, p, n, taker, e)
				  : copy(u, p, n, taker, e);
}

int
unpacker_end(struct unpacker *u, struct stretch_taker *taker, struct err *e)
{
	if (u->blob_off != u->blob_size ||
	    (u->decoder != NULL && !decoder_is_between(u->decoder)))
		return err_set(e, EBADMSG, "blob is cut off at %llu",
		    (unsigned long long)u->blob_off);
	if (give_held(u, taker, e) < 0)
		return -1;
	return u->seek != NULL ? seek_check_end(u->seek, e) : 0;
}

uint64_t
unpacker_position(const struct unpacker *u)
{
	return u->stream_off;
}

void
unpacker_diff_id(struct unpacker *u, struct digest *out)
{
	hasher_end(u->hasher, out);
}
