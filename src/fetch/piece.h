/* A piece: one compressed range of the blob and the chunks that it holds, from
 * the first byte to the store.  A task of the decode threads.
 */
#ifndef FETCH_PIECE_H
#define FETCH_PIECE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/map.h"
#include "base/list.h"
#include "base/pool.h"

struct blob;
struct err;
struct inflight;

struct piece {
	struct task task;
	struct list link;   /* its run's */
	struct list chunks; /* inflight.link */
	struct blob *blob;
	unsigned origin;
	unsigned priority;
	enum chunk_codec codec;
	uint64_t blob_off;
	uint32_t blob_len;
	uint64_t gave; /* as in source_read, once it is whole */
	uint32_t have;
	uint8_t *bytes;  /* blob_len, from the first byte on */
	bool is_vouched; /* they have the digest that its restart point names */
};

/* Lock held.  Takes the queued record as its first chunk; NULL: no memory. */
struct piece *piece_new(struct inflight *first, unsigned origin);
/* Lock held; the record's range must be the piece's. */
bool piece_takes(const struct piece *p, const struct inflight *i);
void piece_add(struct piece *p, struct inflight *i);

/* Takes up to n of the range's next bytes; how many, or 0 without memory. */
uint32_t piece_fill(struct piece *p, const void *bytes, size_t n);

/* All bytes are there (none are needed for zeros): decodes, verifies, stores,
 * tells who waits.  On a decode thread. */
void piece_submit(struct piece *p);

/* Lock held.  The bytes never came. */
void piece_missed(
    struct piece *p, const struct err *failure, struct list *done);

/* The chunk's decoded bytes: digest checked, then written; one that has no
 * digest counts on is_vouched.  Sets is_stored, is_corrupt, failure.  Between
 * blob_begin_write() and blob_end_write(). */
void chunk_store(struct inflight *i, const uint8_t *p, bool is_vouched);

#endif
