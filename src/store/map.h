/* A layer's map: its objects (file contents) and, for each, the chunks it is
 * fetched in.  Position in `data` -> range in the blob, codec, digest.
 *
 * A builder collects objects while a table of contents is parsed; the store
 * gives each a place (store/object.h); the map is written beside the index and
 * from then on is mapped, immutable and shared by any number of threads.
 *
 * Three positions, never mixed: `blob_off` counts the blob's compressed bytes,
 * `object_off` an object's own bytes, `data_off` the store's.
 *
 * On disk (little endian):
 *
 *	header   128 B   magic "lfsmap1\0", version, counts, section offsets,
 *	                 blob digest and size, prefetch range, checksum
 *	objects   56 B   digest, data_off, size, first chunk, count
 *	                 sorted by data_off; zero-sized files have none
 *	chunks    64 B   in the order of their objects, then of object_off
 *	order      4 B   the chunks' numbers in the order of the blob
 *
 * map_open() checks magic, version, every count and range and the checksum
 * once; after that every accessor stays in bounds.
 */
#ifndef STORE_MAP_H
#define STORE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/digest.h"

struct err;
struct map;
struct map_builder;

#define AUTO_MAP CLEANUP(map_cleanup)
#define AUTO_MAP_BUILDER CLEANUP(map_builder_cleanup)

/* How a chunk's bytes are made from the blob's. */
enum chunk_codec {
	CHUNK_RAW,    /* [blob_off, blob_off + blob_len) are the bytes */
	CHUNK_ZSTD,   /* that range is one or more whole zstd frames */
	CHUNK_GZIP,   /* one or more gzip members; the last may go on */
	CHUNK_ZEROS,  /* all zero: nothing to fetch */
	CHUNK_STREAM, /* blob_off counts the *decompressed* stream's bytes:
			 only reading the blob from its start gives it */
	CHUNK_SPAN,   /* that range is a span: the layer has a restart point
			 at blob_off (codec/points.h), with which it is decoded.
			 Neighbours may share a byte. */
	CHUNK_CODECS
};

/* Has a range of the blob, at blob_off. */
static inline bool
chunk_codec_has_range(enum chunk_codec codec)
{
	return codec != CHUNK_ZEROS && codec != CHUNK_STREAM;
}

/* One chunk.  With ZSTD, GZIP and SPAN the decoded range may hold several
 * chunks; inner_off is where this one starts in it; inner_off + len is at most
 * LIMIT_CHUNK_BYTES.  What no digest vouches for is not lazy: EBADMSG; of a SPAN
 * the point may have one of the whole range instead. */
struct chunk {
	uint64_t blob_off;
	uint64_t object_off;
	uint32_t blob_len; /* bytes of the blob; 0 for ZEROS and STREAM */
	uint32_t len;      /* decoded, 1..LIMIT_CHUNK_BYTES */
	uint32_t inner_off;
	enum chunk_codec codec;
	bool has_digest;      /* ZEROS needs none */
	struct digest digest; /* of the decoded bytes */
};

struct object {
	struct digest digest; /* of the whole content; zero: not known, the
				 object is never shared */
	uint64_t size;        /* > 0 */
	uint64_t data_off;    /* MAP_NOWHERE until placed */
	uint32_t first_chunk;
	uint32_t n_chunks; /* they cover [0, size) without gap or overlap */
};

#define MAP_NOWHERE UINT64_MAX

/* ---- building ---- */

struct map_builder *map_builder_new(struct err *e);
void map_builder_free(struct map_builder *b);

/* Starts an object; its ordinal is the tree's `content`.  Chunks follow, in
 * order of object_off; map_builder_end_object checks that they cover it:
 * EBADMSG.  `digest` may be NULL.  An object whose digest the builder has
 * already is found again and given the old ordinal with *is_new false: then add
 * no chunks and do not end it. */
int map_builder_begin_object(struct map_builder *b, const struct digest *digest,
    uint64_t size, uint32_t *ordinal, bool *is_new, struct err *e);
int map_builder_add_chunk(
    struct map_builder *b, const struct chunk *c, struct err *e);
int map_builder_end_object(struct map_builder *b, struct err *e);

/* The objects by ordinal; data_off and digest may be changed before map_write.
 * Valid until the next begin. */
struct object *map_builder_objects(struct map_builder *b, uint32_t *n);
const struct chunk *map_builder_chunks(
    const struct map_builder *b, uint32_t *n);

/* The blob's first bytes that a start wants, [0, blob_end): from a landmark. 0:
 * no hint. */
void map_builder_set_prefetch(struct map_builder *b, uint64_t blob_end);

/* Every object must have a place.  No fsync. */
int map_write(const struct map_builder *b, const struct digest *blob,
    uint64_t blob_size, int fd, struct err *e);

/* ---- reading ---- */

/* Maps the file; fd stays the caller's.  EBADMSG when it is damaged. */
struct map *map_open(int fd, struct err *e);
void map_close(struct map *m);

/* After a walk over all of it: what was read lies in the page cache, and need
 * not count as this process's memory until it is read again. */
void map_let_go(const struct map *m);

static inline void
map_cleanup(struct map **m)
{
	map_close(*m);
}

static inline void
map_builder_cleanup(struct map_builder **b)
{
	map_builder_free(*b);
}

const struct digest *map_blob(const struct map *m, uint64_t *size);
uint64_t map_prefetch_end(const struct map *m);
/* Of all that it says: another one where an object lies elsewhere. */
uint64_t map_checksum(const struct map *m);
uint32_t map_n_objects(const struct map *m);
uint32_t map_n_chunks(const struct map *m);
void map_object(const struct map *m, uint32_t i, struct object *out);
void map_chunk(const struct map *m, uint32_t i, struct chunk *out);

/* The object that holds a position of `data` (its last block's slack counts),
 * or false. */
bool map_find_object(const struct map *m, uint64_t data_off, uint32_t *object);

/* The chunks that overlap the object's bytes [from, to), from < to <= size:
 * [*first, *last]. */
void map_object_chunks(const struct map *m, const struct object *o,
    uint64_t from, uint64_t to, uint32_t *first, uint32_t *last);

/* What the object's chunks take of the blob, in bytes; an object that takes more
 * than `most` is only counted until it does. */
uint64_t map_object_blob_bytes(
    const struct map *m, const struct object *o, uint64_t most);

/* Chunks in the order of the blob, for neighbours and prefetch: the i-th of
 * map_n_chunks(); and the place of a chunk in that order.  ZEROS come
 * first. */
uint32_t map_chunk_in_blob_order(const struct map *m, uint32_t i);
uint32_t map_blob_rank(const struct map *m, uint32_t chunk);

#endif
