#include "format/toc_files.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "format/identity.h"
#include "format/toc_entry.h"
#include "base/err.h"
#include "base/limits.h"

void
toc_files_init(
    struct toc_files *f, const struct toc *toc, struct map_builder *map)
{
	*f = (struct toc_files){ .toc = toc, .map = map };
	f->hasher = hasher_new();
	buf_init(&f->chunks, (size_t)LIMIT_CHUNKS * sizeof(struct chunk));
	buf_init(&f->files, (size_t)LIMIT_ENTRIES * sizeof(struct waiting));
	buf_init(&f->ordinals, (size_t)LIMIT_ENTRIES * sizeof(uint32_t));
}

void
toc_files_release(struct toc_files *f)
{
	hasher_free(f->hasher);
	buf_release(&f->chunks);
	buf_release(&f->files);
	buf_release(&f->ordinals);
}

static struct chunk *
chunk_at(struct toc_files *f, uint32_t i)
{
	return (struct chunk *)f->chunks.data + i;
}

static uint32_t
n_chunks(const struct toc_files *f)
{
	return f->chunks.len / sizeof(struct chunk);
}

/* ---- objects ---- */

static int
add_object(struct toc_files *f, const struct waiting *w, struct err *e)
{
	struct digest id;
	uint32_t ordinal;
	bool is_new;

	identity_of(f->hasher, chunk_at(f, w->first_chunk), w->n_chunks, &id);
	if (map_builder_begin_object(
		f->map, &id, w->size, &ordinal, &is_new, e) < 0)
		return -1;
	if (is_new) {
		for (uint32_t i = 0; i < w->n_chunks; i++)
			if (map_builder_add_chunk(
				f->map, chunk_at(f, w->first_chunk + i), e) < 0)
				return -1;
		if (map_builder_end_object(f->map, e) < 0)
			return -1;
	}
	return buf_append(&f->ordinals, &ordinal, sizeof ordinal, e);
}

/* Every chunk's range ends where the next larger offset begins; the last at
 * `end`. */
static int
set_range_ends(struct toc_files *f, uint64_t end, struct err *e)
{
	for (uint32_t i = n_chunks(f); i > 0; i--) {
		struct chunk *c = chunk_at(f, i - 1);

		if (c->codec != CHUNK_ZEROS) {
			uint64_t len = end - c->blob_off;

			if (c->blob_off >= end)
				return err_set(e, EBADMSG,
				    "chunk without bytes in the blob");
			if (len > LIMIT_CHUNK_BLOB_BYTES)
				return err_set(e, ENOTSUP,
				    "chunk too large to be fetched alone");
			c->blob_len = len;
		}
		if (i > 1 && chunk_at(f, i - 2)->blob_off < c->blob_off)
			end = c->blob_off;
		if (c->codec == CHUNK_ZEROS)
			c->blob_off = 0;
	}
	return 0;
}

/* What waited for the end of its range has it. */
static int
settle(struct toc_files *f, uint64_t end, struct err *e)
{
	if (f->chunks.len == 0)
		return 0;
	if (set_range_ends(f, end, e) < 0)
		return -1;
	for (size_t at = 0; at < f->files.len; at += sizeof(struct waiting))
		if (add_object(f, (struct waiting *)(f->files.data + at), e) <
		    0)
			return -1;
	f->files.len = 0;
	f->chunks.len = 0;
	return 0;
}

/* ---- chunks of a file ---- */

static int
note_offset(struct toc_files *f, uint64_t offset, struct err *e)
{
	if (offset < f->last_offset)
		return err_set(e, EBADMSG,
		    "offset %llu lies before the entry before it",
		    (unsigned long long)offset);
	if (offset >= f->toc->data_end)
		return err_set(e, EBADMSG, "offset %llu lies past the data",
		    (unsigned long long)offset);
	f->last_offset = offset;
	return 0;
}

/* The length that the entry says or leaves out: what is left of the file. */
static int
chunk_len(const struct toc_files *f, const struct toc_entry *x, uint64_t *len,
    struct err *e)
{
	uint64_t left = f->file.size - f->covered;

	if (x->chunk_offset != f->covered)
		return err_set(e, EBADMSG, "chunks do not cover the file");
	*len = x->chunk_size > 0 ? x->chunk_size : left;
	if (*len == 0 || *len > left)
		return err_set(e, EBADMSG, "chunk reaches past the file");
	return 0;
}

static int
set_digest(const struct toc_files *f, const struct toc_entry *x,
    struct chunk *c, struct err *e)
{
	bool is_whole = c->len == f->file.size;

	if (x->has_chunk_digest)
		c->digest = x->chunk_digest;
	else if (is_whole && f->has_digest)
		c->digest = f->digest;
	else
		return err_set(e, EBADMSG, "chunk without a digest");
	if (is_whole && f->has_digest && !digest_equal(&c->digest, &f->digest))
		return err_set(e, EBADMSG, "two digests for the same bytes");
	c->has_digest = true;
	return 0;
}

/* Zeros need no fetch, so they may be longer than one: cut. */
static int
add_zeros(struct toc_files *f, uint64_t len, struct err *e)
{
	while (len > 0) {
		struct chunk c = {
			.codec = CHUNK_ZEROS,
			.blob_off = f->last_offset,
			.object_off = f->covered,
			.len = min_u64(len, LIMIT_CHUNK_BYTES),
		};

		if (buf_append(&f->chunks, &c, sizeof c, e) < 0)
			return -1;
		f->covered += c.len;
		len -= c.len;
	}
	return 0;
}

static int
add_bytes(
    struct toc_files *f, const struct toc_entry *x, uint64_t len, struct err *e)
{
	struct chunk c = {
		.codec = f->toc->codec,
		.blob_off = x->offset,
		.object_off = f->covered,
		.len = len,
		.inner_off = x->inner_offset,
	};

	if (len > LIMIT_CHUNK_BYTES ||
	    x->inner_offset > LIMIT_CHUNK_BYTES - len)
		return err_set(e, ENOTSUP,
		    "chunk of %llu bytes is too large to be fetched alone",
		    (unsigned long long)len);
	if (note_offset(f, x->offset, e) < 0 || set_digest(f, x, &c, e) < 0)
		return -1;
	f->covered += len;
	return buf_append(&f->chunks, &c, sizeof c, e);
}

static int
add_chunk(struct toc_files *f, const struct toc_entry *x, struct err *e)
{
	uint64_t len = 0;

	if (chunk_len(f, x, &len, e) < 0)
		return -1;
	if (!x->is_zeros)
		return add_bytes(f, x, len, e);
	if (x->offset > 0 && note_offset(f, x->offset, e) < 0)
		return -1;
	return add_zeros(f, len, e);
}

int
toc_files_begin(struct toc_files *f, const struct toc_entry *x, struct err *e)
{
	if (x->tar.size > LIMIT_FILE_BYTES ||
	    x->tar.size > LIMIT_DATA_BYTES - f->total)
		return err_set(e, EBADMSG, "size out of range");
	f->total += x->tar.size;
	/* Files of one offset share a range: they wait together. */
	if (x->offset > f->last_offset && settle(f, x->offset, e) < 0)
		return -1;
	f->where = IN_FILE;
	f->file.size = x->tar.size;
	f->file.first_chunk = n_chunks(f);
	f->covered = 0;
	f->end_offset = x->end_offset;
	f->n_files++;
	f->has_digest = x->has_digest;
	f->digest = x->digest;
	return add_chunk(f, x, e);
}

/* No chunk entry follows any more. */
int
toc_files_end(struct toc_files *f, struct err *e)
{
	if (f->where != IN_FILE) {
		f->where = NO_FILE;
		return 0;
	}
	f->where = NO_FILE;
	if (f->covered != f->file.size)
		return err_set(e, EBADMSG, "chunks do not cover the file");
	f->file.n_chunks = n_chunks(f) - f->file.first_chunk;
	if (buf_append(&f->files, &f->file, sizeof f->file, e) < 0)
		return -1;
	if (f->end_offset == 0)
		return 0;
	if (f->end_offset > f->toc->data_end)
		return err_set(e, EBADMSG, "endOffset lies past the data");
	if (settle(f, f->end_offset, e) < 0)
		return -1;
	f->last_offset = f->end_offset;
	return 0;
}

/* A file without contents for us may still bound its neighbour's range. */
int
toc_files_pass(struct toc_files *f, const struct toc_entry *x, struct err *e)
{
	uint64_t offset = x->offset;

	f->where = x->tar.type == TAR_FILE ? IN_HIDDEN_FILE : NO_FILE;
	if (offset <= f->last_offset)
		return 0;
	if (settle(f, offset, e) < 0)
		return -1;
	return note_offset(f, offset, e);
}

int
toc_files_chunk(struct toc_files *f, const struct toc_entry *x, struct err *e)
{
	if (f->where == IN_HIDDEN_FILE)
		return 0;
	if (f->where != IN_FILE)
		return err_set(e, EBADMSG, "chunk without its file");
	return add_chunk(f, x, e);
}

int
toc_files_finish(struct toc_files *f, struct err *e)
{
	return settle(f, f->toc->data_end, e);
}

uint32_t
toc_files_ordinal(const struct toc_files *f, uint64_t number)
{
	assert(number < f->n_files);
	return ((const uint32_t *)f->ordinals.data)[number];
}
