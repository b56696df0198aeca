/* A batch: a stretch of a layer's tar and the pieces that it is cut into, on its
 * way from the thread that reads the tar (convert/framer.h) to one that makes
 * frames of it (convert/press.h) and back.
 *
 * Plain memory, 2 MiB and what its frames take, used again.
 */
#ifndef CONVERT_BATCH_H
#define CONVERT_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/chunker.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/list.h"
#include "base/pool.h"

struct press;

enum { BATCH_BYTES = 2 << 20 };
_Static_assert(BATCH_BYTES >= 2 * CHUNKER_MAX, "an open chunk leaves room");

enum piece_kind {
	PIECE_BYTES,    /* headers and padding: a frame */
	PIECE_CHUNK,    /* of a file: a frame */
	PIECE_ENTRY,    /* what the table says of an entry without contents */
	PIECE_FILE,     /* what it says of a file, whose chunks follow */
	PIECE_FILE_END, /* behind its last */
};

struct piece {
	enum piece_kind kind;
	uint32_t off, len;    /* of the bytes; of the text */
	uint32_t frame_len;   /* once pressed; its frames follow one another */
	bool is_zeros;        /* a chunk */
	struct digest digest; /* a chunk's, once pressed; a whole file's, zero
				 for one of a single chunk */
};

struct batch {
	struct list link; /* who has it has use of it */
	struct task task;
	struct press *press;
	bool is_pressed; /* guarded by the press */
	struct err failure;

	struct buf pieces; /* struct piece */
	struct buf text;
	struct buf frames;
	size_t len;
	uint8_t *bytes; /* of memory, behind the chunker's window */
	uint8_t memory[CHUNKER_WINDOW + BATCH_BYTES];
};

struct batch *batch_new(struct err *e);
void batch_free(struct batch *b);
/* Empty again. */
void batch_clear(struct batch *b);

int batch_add(struct batch *b, const struct piece *p, struct err *e);

static inline size_t
batch_n_pieces(const struct batch *b)
{
	return b->pieces.len / sizeof(struct piece);
}

static inline struct piece *
batch_piece(const struct batch *b, size_t i)
{
	return (struct piece *)b->pieces.data + i;
}

#endif
