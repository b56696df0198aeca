/* Layers as they lie on disk, for tests of what is made of them. */
#ifndef FORMAT_TESTING_MADE_H
#define FORMAT_TESTING_MADE_H

#include "format/format.h"
#include "base/bytes.h"
#include "base/descriptor.h"

struct index;
struct map;
struct points;

/* From a blob that was streamed. */
struct made {
	struct descriptor layer;
	struct buf blob;
	const struct format *format;
	struct contents contents;
	struct index *index;
	struct map *map;
	struct points *points;
};

/* Understands the blob, `step` bytes at a time. */
struct made *made_new(const struct buf *blob, size_t step);
/* Each node's store has its own places: from `start` on, backwards or not. */
void made_place(struct made *m, uint64_t start, bool is_backwards);
/* Writes the files. */
void made_open(struct made *m);
/* As it travels. */
void made_write_index(const struct made *m, struct buf *out);
void made_free(struct made *m);

#endif
