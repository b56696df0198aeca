#include "format/cutter.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/stretch.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

enum { PIECE_BYTES = 1 << 20 };

void
cutter_init(struct cutter *c)
{
	memset(c, 0, sizeof *c);
	c->whole = hasher_new();
	c->piece = hasher_new();
}

void
cutter_release(struct cutter *c)
{
	hasher_free(c->whole);
	hasher_free(c->piece);
	free(c->chunks);
}

void
cutter_begin(struct cutter *c, uint64_t size)
{
	c->size = size;
	c->at = 0;
	c->open.len = 0;
	c->n_chunks = 0;
}

static void
hash_zeros(struct hasher *h, uint64_t n)
{
	static const uint8_t zeros[16384];

	for (; n > 0; n -= min_u64(n, sizeof zeros))
		hasher_update(h, zeros, min_u64(n, sizeof zeros));
}

static int
append(struct cutter *c, const struct chunk *chunk, struct err *e)
{
	if (c->n_chunks == c->cap) {
		uint32_t cap = c->cap == 0 ? 16 : 2 * c->cap;
		void *more = NULL;

		if (cap <= LIMIT_CHUNKS)
			more = reallocarray(c->chunks, cap, sizeof *c->chunks);
		if (more == NULL)
			return err_set(e, E2BIG, "file of too many chunks");
		c->chunks = more;
		c->cap = cap;
	}
	c->chunks[c->n_chunks++] = *chunk;
	return 0;
}

static int
append_zeros(struct cutter *c, uint64_t object_off, uint64_t n, struct err *e)
{
	struct chunk *last =
	    c->n_chunks > 0 ? &c->chunks[c->n_chunks - 1] : NULL;

	if (last != NULL && last->codec == CHUNK_ZEROS) {
		uint32_t more = min_u64(n, LIMIT_CHUNK_BYTES - last->len);

		last->len += more;
		object_off += more;
		n -= more;
	}
	while (n > 0) {
		struct chunk z = {
			.codec = CHUNK_ZEROS,
			.object_off = object_off,
			.len = min_u64(n, LIMIT_CHUNK_BYTES),
		};

		if (append(c, &z, e) < 0)
			return -1;
		object_off += z.len;
		n -= z.len;
	}
	return 0;
}

/* ---- the open chunk ---- */

/* The first chunk is open, so that `piece` has what `whole` lacks. */
static bool
is_first(const struct cutter *c)
{
	return c->open.len > 0 && c->open.object_off == 0;
}

static bool
is_whole_file(const struct cutter *c)
{
	return is_first(c) && c->at == c->size;
}

static void
begin_whole(struct cutter *c)
{
	if (c->is_zeros)
		hash_zeros(c->whole, c->open.len);
	else
		hasher_copy(c->whole, c->piece);
}

static int
append_piece(struct cutter *c, struct err *e)
{
	struct chunk *o = &c->open;

	if (c->is_zeros)
		hash_zeros(c->piece, o->len);
	hasher_end(c->piece, &o->digest);
	if (c->is_zeros)
		o->codec = CHUNK_ZEROS;
	o->has_digest = true;
	if (o->codec == CHUNK_RAW)
		o->blob_len = o->len;
	if (o->codec == CHUNK_ZEROS)
		o->blob_off = o->blob_len = o->inner_off = 0;
	return append(c, o, e);
}

static int
close_chunk(struct cutter *c, struct err *e)
{
	struct chunk *o = &c->open;
	int rc;

	if (o->len == 0)
		return 0;
	if (is_first(c) && !is_whole_file(c))
		begin_whole(c);
	/* Zeros among others may be joined; a file of nothing else has its
	 * digest from its only chunk. */
	rc = c->is_zeros && !is_whole_file(c)
		 ? append_zeros(c, o->object_off, o->len, e)
		 : append_piece(c, e);
	o->len = 0;
	return rc;
}

/* Bytes of a range that is decoded from its start. */
static bool
is_decoded(enum chunk_codec codec)
{
	return chunk_codec_has_range(codec) && codec != CHUNK_RAW;
}

/* A stretch of a range holds what it holds; positions of the stream go on from
 * one to the next. */
static bool
goes_on(const struct chunk *o, const struct stretch *x)
{
	if (o->codec != x->codec)
		return false;
	return !is_decoded(x->codec) || o->blob_off == x->blob_off;
}

static void
open_chunk(struct cutter *c, const struct stretch *x, const uint8_t *p)
{
	bool is_range = is_decoded(x->codec);
	uint64_t stream_off = x->stream_off + (p - x->bytes);

	c->open = (struct chunk){
		.codec = x->codec,
		.object_off = c->at,
		.blob_off = is_range ? x->blob_off : stream_off,
		.blob_len = is_range ? x->blob_len : 0,
		.inner_off = is_range ? stream_off - x->range_off : 0,
	};
	c->is_zeros = true;
}

static bool
all_zeros(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

static void
hash(struct cutter *c, const uint8_t *p, size_t n)
{
	if (c->open.object_off > 0)
		hasher_update(c->whole, p, n);
	if (c->is_zeros && !all_zeros(p, n)) {
		hash_zeros(c->piece, c->open.len);
		c->is_zeros = false;
	}
	if (!c->is_zeros)
		hasher_update(c->piece, p, n);
}

/* How long the open chunk may become. */
static uint32_t
open_max(const struct cutter *c)
{
	return is_decoded(c->open.codec) && !c->is_zeros ? LIMIT_CHUNK_BYTES
							 : PIECE_BYTES;
}

int
cutter_data(struct cutter *c, const struct stretch *x, const uint8_t *p,
    size_t n, struct err *e)
{
	while (n > 0) {
		size_t part;

		if (c->open.len > 0 &&
		    (!goes_on(&c->open, x) || c->open.len >= open_max(c)) &&
		    close_chunk(c, e) < 0)
			return -1;
		if (c->open.len == 0)
			open_chunk(c, x, p);
		/* Whole megabytes, so that zeros are seen where they end. */
		part = min_u64(n, PIECE_BYTES - c->open.len % PIECE_BYTES);
		hash(c, p, part);
		c->open.len += part;
		c->at += part;
		p += part;
		n -= part;
	}
	return 0;
}

int
cutter_hole(struct cutter *c, uint64_t n, struct err *e)
{
	if (close_chunk(c, e) < 0)
		return -1;
	hash_zeros(c->whole, n);
	if (append_zeros(c, c->at, n, e) < 0)
		return -1;
	c->at += n;
	return 0;
}

int
cutter_end(struct cutter *c, struct digest *whole, struct err *e)
{
	bool is_single = is_whole_file(c);

	assert(c->at == c->size);
	if (close_chunk(c, e) < 0)
		return -1;
	if (is_single)
		*whole = c->chunks[0].digest;
	else
		hasher_end(c->whole, whole);
	return 0;
}
