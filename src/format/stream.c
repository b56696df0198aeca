#include "format/stream.h"

#include <errno.h>
#include <stdlib.h>

#include "format/cutter.h"
#include "format/entry.h"
#include "format/format.h"
#include "format/seek_table.h"
#include "codec/decode.h"
#include "codec/tar.h"
#include "index/tree.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"

enum {
	STEP_BYTES = 256 << 10, /* room given to the decoder at a time */
	GROUP_BYTES = 64 << 10, /* small frames go together up to here */
};

/* Decoded bytes are held back until their frame's end is seen, because only
 * then the range is known that gives them again.  A frame that does not end
 * within LIMIT_HELD_BYTES is let through: its chunks are STREAM.  Small frames
 * make one range together, so that a blob of tiny frames is no table of tiny
 * chunks.
 */
struct stream {
	enum chunk_codec codec;
	struct decoder *decoder; /* NULL: the blob is a tar */
	struct seek_check *seek; /* zstd only */
	uint64_t blob_size, blob_off;

	struct buf held;
	uint64_t group_off; /* blob_off of the first frame held */
	uint64_t group_end; /* of the last that decoded to anything */
	uint64_t frame_len; /* decoded bytes of the current frame */
	bool is_passing;    /* the current frame is too large to hold */

	uint64_t stream_off; /* decoded bytes given to the tar */
	struct hasher *hasher;

	struct tar *tar;
	struct tar_sink events;
	struct tree *tree;
	uint64_t dropped_xattrs;
	uint64_t holes;

	/* The file that passes. */
	struct cutter cutter;
	bool is_wanted, is_begun;
	const struct stretch *stretch;
	struct content_sink *sink;
};

/* ---- what the tar says ---- */

static struct stream *
of(struct tar_sink *s)
{
	return container_of(s, struct stream, events);
}

static int
on_entry(struct tar_sink *t, const struct tar_entry *x, struct err *e)
{
	struct stream *s = of(t);

	s->is_wanted = entry_has_contents(x);
	s->is_begun = false;
	if (!s->is_wanted)
		return 0;
	if (x->is_sparse)
		cutter_begin(&s->cutter, x->size, 0);
	s->is_begun = x->is_sparse;
	s->cutter.size = x->size;
	return s->sink->begin(s->sink, x->size, e);
}

static int
on_data(struct tar_sink *t, uint64_t stream_off, const void *p, size_t n,
    struct err *e)
{
	struct stream *s = of(t);
	uint64_t room = s->stretch->stream_off + s->stretch->n - stream_off;

	if (!s->is_wanted)
		return 0;
	if (!s->is_begun)
		cutter_begin(&s->cutter, s->cutter.size, room);
	s->is_begun = true;
	if (cutter_data(&s->cutter, s->stretch, p, n, e) < 0)
		return -1;
	return s->sink->write(s->sink, p, n, e);
}

static int
on_hole(struct tar_sink *t, uint64_t n, struct err *e)
{
	struct stream *s = of(t);

	if (!s->is_wanted)
		return 0;
	if (n > LIMIT_HOLES_BYTES - s->holes)
		return err_set(e, EBADMSG, "sparse files claim too much");
	s->holes += n;
	if (cutter_hole(&s->cutter, n, e) < 0)
		return -1;
	return s->sink->write(s->sink, NULL, n, e);
}

static int
on_end(struct tar_sink *t, const struct tar_entry *x, struct err *e)
{
	struct stream *s = of(t);
	struct digest whole;
	uint32_t ordinal = 0;

	if (s->is_wanted && (cutter_end(&s->cutter, &whole, e) < 0 ||
				s->sink->end(s->sink, &whole, s->cutter.chunks,
				    s->cutter.n_chunks, &ordinal, e) < 0))
		return entry_wrap(e, x->path, x->path_len);
	if (entry_add(s->tree, x, ordinal, &s->dropped_xattrs, e) < 0)
		return entry_wrap(e, x->path, x->path_len);
	return 0;
}

/* ---- life ---- */

struct stream *
stream_new(const struct format *f, enum chunk_codec codec, uint64_t blob_size,
    struct err *e)
{
	struct stream *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ENOMEM, "stream: out of memory");
		return NULL;
	}
	s->codec = codec;
	s->blob_size = blob_size;
	s->events = (struct tar_sink){ on_entry, on_data, on_hole, on_end };
	buf_init(&s->held, LIMIT_HELD_BYTES + STEP_BYTES);
	cutter_init(&s->cutter);
	s->hasher = hasher_new();
	s->tar = tar_new(e);
	s->tree = s->tar == NULL ? NULL : tree_new(e);
	if (s->tree == NULL)
		goto failed;
	if (f->decoder_new != NULL) {
		s->decoder = f->decoder_new(e);
		if (s->decoder == NULL)
			goto failed;
	}
	if (codec == CHUNK_ZSTD) {
		s->seek = seek_check_new(e);
		if (s->seek == NULL)
			goto failed;
	}
	return s;
failed:
	stream_free(s);
	return NULL;
}

void
stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	decoder_free(s->decoder);
	seek_check_free(s->seek);
	buf_release(&s->held);
	hasher_free(s->hasher);
	tar_free(s->tar);
	tree_free(s->tree);
	cutter_release(&s->cutter);
	free(s);
}

/* ---- the bytes' way ---- */

static int
give(struct stream *s, struct stretch *stretch, struct err *e)
{
	stretch->stream_off = s->stream_off;
	s->stretch = stretch;
	s->stream_off += stretch->n;
	if (s->stream_off > LIMIT_DATA_BYTES)
		return err_set(e, EBADMSG, "layer is too large");
	hasher_update(s->hasher, stretch->p, stretch->n);
	return tar_feed(s->tar, stretch->p, stretch->n, &s->events, e);
}

static int
give_held(struct stream *s, struct err *e)
{
	uint64_t blob_len = s->group_end - s->group_off;
	bool is_range = !s->is_passing && blob_len <= LIMIT_CHUNK_BLOB_BYTES;
	struct stretch held = {
		.p = s->held.data,
		.n = s->held.len,
		.codec = is_range ? s->codec : CHUNK_STREAM,
		.blob_off = s->group_off,
		.blob_len = is_range ? blob_len : 0,
	};

	s->held.len = 0;
	return held.n == 0 ? 0 : give(s, &held, e);
}

/* A frame or member is complete. */
static int
end_frame(struct stream *s, struct err *e)
{
	if (s->seek != NULL)
		seek_check_frame(s->seek, s->frame_len);
	if (s->frame_len > 0)
		s->group_end = s->blob_off;
	s->frame_len = 0;
	if (!s->is_passing && s->held.len > 0 && s->held.len < GROUP_BYTES)
		return 0;
	if (give_held(s, e) < 0)
		return -1;
	s->group_off = s->blob_off;
	s->is_passing = false;
	return 0;
}

/* One step of the decoder; *is_stuck when it wants more input. */
static int
decode_some(struct stream *s, const uint8_t **p, size_t *n, bool *is_stuck,
    struct err *e)
{
	struct decode_step step = { .in = *p, .in_len = *n };
	enum decode_result result;
	size_t used, made;

	if (buf_reserve(&s->held, STEP_BYTES, e) < 0)
		return -1;
	step.out = s->held.data + s->held.len;
	step.out_len = STEP_BYTES;
	result = decoder_step(s->decoder, &step, e);
	if (result == DECODE_FAILED)
		return err_wrap(
		    e, "blob at %llu", (unsigned long long)s->blob_off);
	used = *n - step.in_len;
	made = STEP_BYTES - step.out_len;
	if (s->seek != NULL && seek_check_bytes(s->seek, *p, used, e) < 0)
		return -1;
	*p += used;
	*n -= used;
	s->blob_off += used;
	s->held.len += made;
	s->frame_len += made;
	*is_stuck = used == 0 && made == 0;
	if (result == DECODE_BOUNDARY)
		return end_frame(s, e);
	if (s->held.len >= LIMIT_HELD_BYTES)
		s->is_passing = true;
	return s->is_passing ? give_held(s, e) : 0;
}

int
stream_feed(struct stream *s, const void *p, size_t n,
    struct content_sink *sink, struct err *e)
{
	const uint8_t *at = p;
	bool is_stuck = false;

	s->sink = sink;
	if (n > s->blob_size - s->blob_off)
		return err_set(e, EBADMSG, "blob is longer than it should be");
	if (s->decoder == NULL) {
		struct stretch all = { .p = p, .n = n, .codec = CHUNK_RAW };

		s->blob_off += n;
		return give(s, &all, e);
	}
	while (!is_stuck)
		if (decode_some(s, &at, &n, &is_stuck, e) < 0)
			return -1;
	return 0;
}

int
stream_end(struct stream *s, struct tree **tree, struct err *e)
{
	if (s->blob_off != s->blob_size ||
	    (s->decoder != NULL && !decoder_is_between(s->decoder)))
		return err_set(e, EBADMSG, "blob is cut off at %llu",
		    (unsigned long long)s->blob_off);
	if (give_held(s, e) < 0 || tar_end(s->tar, e) < 0)
		return -1;
	if (s->seek != NULL && seek_check_end(s->seek, e) < 0)
		return -1;
	if (tree_finish(s->tree, e) < 0)
		return -1;
	*tree = take_ptr(&s->tree);
	return 0;
}

uint64_t
stream_position(const struct stream *s)
{
	return s->stream_off;
}

void
stream_diff_id(struct stream *s, struct digest *out)
{
	hasher_end(s->hasher, out);
}

uint64_t
stream_dropped_xattrs(const struct stream *s)
{
	return s->dropped_xattrs;
}
