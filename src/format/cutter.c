#include "format/cutter.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
cutter_begin(struct cutter *c, uint64_t size, uint64_t room)
{
	c->size = size;
	c->at = 0;
	c->is_single = size <= room && size <= PIECE_BYTES;
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

static int
close_chunk(struct cutter *c, struct err *e)
{
	struct chunk *o = &c->open;
	uint32_t len = o->len;

	if (len == 0)
		return 0;
	o->len = 0;
	if (c->is_zeros && !c->is_single)
		return append_zeros(c, o->object_off, len, e);
	if (c->is_zeros)
		hash_zeros(c->piece, len);
	hasher_end(c->piece, &o->digest);
	if (c->is_zeros)
		o->codec = CHUNK_ZEROS;
	o->has_digest = true;
	if (o->codec == CHUNK_RAW)
		o->blob_len = len;
	if (o->codec == CHUNK_ZEROS)
		o->blob_off = o->blob_len = o->inner_off = 0;
	o->len = len;
	if (append(c, o, e) < 0)
		return -1;
	o->len = 0;
	return 0;
}

/* A stretch of a range holds what it holds; positions of the stream go on from
 * one to the next. */
static bool
goes_on(const struct chunk *o, const struct stretch *s)
{
	if (o->codec != s->codec)
		return false;
	return s->codec == CHUNK_RAW || s->codec == CHUNK_STREAM ||
	       o->blob_off == s->blob_off;
}

static void
open_chunk(struct cutter *c, const struct stretch *s, uint64_t stream_off)
{
	bool is_range = s->codec != CHUNK_RAW && s->codec != CHUNK_STREAM;

	c->open = (struct chunk){
		.codec = s->codec,
		.object_off = c->at,
		.blob_off = is_range ? s->blob_off : stream_off,
		.blob_len = is_range ? s->blob_len : 0,
		.inner_off = is_range ? stream_off - s->stream_off : 0,
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
	if (!c->is_single)
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
	bool is_range =
	    c->open.codec != CHUNK_RAW && c->open.codec != CHUNK_STREAM;

	return is_range && !c->is_zeros ? LIMIT_CHUNK_BYTES : PIECE_BYTES;
}

int
cutter_data(struct cutter *c, const struct stretch *s, const uint8_t *p,
    size_t n, struct err *e)
{
	while (n > 0) {
		size_t part;

		if (c->open.len > 0 &&
		    (!goes_on(&c->open, s) || c->open.len >= open_max(c)) &&
		    close_chunk(c, e) < 0)
			return -1;
		if (c->open.len == 0)
			open_chunk(c, s, s->stream_off + (p - s->p));
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
	assert(!c->is_single);
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
	assert(c->at == c->size);
	if (close_chunk(c, e) < 0)
		return -1;
	if (c->is_single) {
		assert(c->n_chunks == 1);
		*whole = c->chunks[0].digest;
	} else {
		hasher_end(c->whole, whole);
	}
	return 0;
}
