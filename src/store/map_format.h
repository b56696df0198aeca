/* A map file's layout, and what it may say.  Private to store/map*.c.
 *
 *	+------------------+ 0
 *	| header   128 B   |
 *	+------------------+ objects_off = 128
 *	| objects   56 B   | sorted by data_off, disjoint in whole blocks
 *	+------------------+ chunks_off = objects_off + 56 * n_objects
 *	| chunks    64 B   | objects' chunks one after the other, each covering
 *	|                  | its object from 0 without gap or overlap
 *	+------------------+ order_off = chunks_off + 64 * n_chunks
 *	| order      4 B   | the chunks' numbers in the order of the blob
 *	+------------------+ end of the file
 *
 * Little endian.  Offsets follow from the counts and are written only so that a
 * person with a hex dump need not compute; a reader wants them exact.  Reserved
 * bytes are zero.  The checksum runs over every record, then over the header
 * with the checksum itself zero: a map says which digest vouches for which
 * place, so a flipped bit in it would be served as somebody's file.
 */
#ifndef STORE_MAP_FORMAT_H
#define STORE_MAP_FORMAT_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "store/map.h"
#include "base/hmap.h"

#define MAP_MAGIC "lfsmap1" /* with its NUL: 8 bytes */

enum {
	MAP_VERSION = 1,
	MAP_BLOCK = 4096, /* objects lie on whole blocks */
	DISK_CHUNK_HAS_DIGEST = 1,
};

struct disk_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t n_objects;
	uint32_t n_chunks;
	uint32_t reserved;
	uint64_t objects_off;
	uint64_t chunks_off;
	uint64_t order_off;
	uint64_t blob_size;
	uint64_t prefetch_end;
	uint64_t checksum;
	uint8_t blob[DIGEST_BYTES];
	uint8_t reserved_end[24];
};

struct disk_object {
	uint8_t digest[DIGEST_BYTES];
	uint64_t data_off;
	uint64_t size;
	uint32_t first_chunk;
	uint32_t n_chunks;
};

struct disk_chunk {
	uint64_t blob_off;
	uint64_t object_off;
	uint32_t blob_len;
	uint32_t len;
	uint32_t inner_off;
	uint8_t codec;
	uint8_t flags;
	uint16_t reserved;
	uint8_t digest[DIGEST_BYTES];
};

_Static_assert(sizeof(struct disk_header) == 128, "on disk");
_Static_assert(offsetof(struct disk_header, objects_off) == 24, "on disk");
_Static_assert(offsetof(struct disk_header, checksum) == 64, "on disk");
_Static_assert(offsetof(struct disk_header, blob) == 72, "on disk");
_Static_assert(sizeof(struct disk_object) == 56, "on disk");
_Static_assert(offsetof(struct disk_object, first_chunk) == 48, "on disk");
_Static_assert(sizeof(struct disk_chunk) == 64, "on disk");
_Static_assert(offsetof(struct disk_chunk, codec) == 28, "on disk");
_Static_assert(offsetof(struct disk_chunk, digest) == 32, "on disk");

static inline void
disk_get_object(const struct disk_object *d, struct object *o)
{
	memcpy(&o->digest, d->digest, sizeof o->digest);
	o->data_off = le64toh(d->data_off);
	o->size = le64toh(d->size);
	o->first_chunk = le32toh(d->first_chunk);
	o->n_chunks = le32toh(d->n_chunks);
}

static inline void
disk_put_object(struct disk_object *d, const struct object *o)
{
	memcpy(d->digest, &o->digest, sizeof d->digest);
	d->data_off = htole64(o->data_off);
	d->size = htole64(o->size);
	d->first_chunk = htole32(o->first_chunk);
	d->n_chunks = htole32(o->n_chunks);
}

static inline void
disk_get_chunk(const struct disk_chunk *d, struct chunk *c)
{
	c->blob_off = le64toh(d->blob_off);
	c->object_off = le64toh(d->object_off);
	c->blob_len = le32toh(d->blob_len);
	c->len = le32toh(d->len);
	c->inner_off = le32toh(d->inner_off);
	c->codec = d->codec;
	c->has_digest = d->flags & DISK_CHUNK_HAS_DIGEST;
	memcpy(&c->digest, d->digest, sizeof c->digest);
}

static inline void
disk_put_chunk(struct disk_chunk *d, const struct chunk *c)
{
	*d = (struct disk_chunk){
		.blob_off = htole64(c->blob_off),
		.object_off = htole64(c->object_off),
		.blob_len = htole32(c->blob_len),
		.len = htole32(c->len),
		.inner_off = htole32(c->inner_off),
		.codec = c->codec,
		.flags = c->has_digest ? DISK_CHUNK_HAS_DIGEST : 0,
	};
	if (c->has_digest)
		memcpy(d->digest, &c->digest, sizeof d->digest);
}

/* The checksum so far, and one more record. */
static inline uint64_t
disk_checksum(uint64_t sum, const void *record, size_t n)
{
	return hash_bytes(record, n, sum);
}

/* Where a chunk stands in the order of the blob: zeros, then what lies in the
 * blob, then what only the stream gives (its positions count other bytes). */
struct blob_place {
	uint64_t blob_off;
	uint32_t inner_off;
	uint32_t chunk; /* its number: no two places are equal */
	uint8_t kind;
};

static inline struct blob_place
blob_place_of(const struct chunk *c, uint32_t i)
{
	return (struct blob_place){
		.blob_off = c->codec == CHUNK_ZEROS ? 0 : c->blob_off,
		.inner_off = c->inner_off,
		.chunk = i,
		.kind = c->codec == CHUNK_ZEROS    ? 0
			: c->codec == CHUNK_STREAM ? 2
						   : 1,
	};
}

/* <0, 0, >0. */
int blob_place_compare(const void *a, const void *b);

/* What a chunk may say by itself; `blob_size` bounds its range.  EBADMSG. */
int chunk_check(const struct chunk *c, uint64_t blob_size, struct err *e);

/* What an object with a place may say, given the end of the one before it, in
 * blocks; *end becomes its own.  EBADMSG. */
int object_check_place(const struct object *o, uint64_t *end, struct err *e);

#endif
