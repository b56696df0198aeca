/* Where a sparse file's stored bytes belong: segments in order, holes between
 * them.  Private to the tar parser. */
#ifndef CODEC_TAR_SPARSE_H
#define CODEC_TAR_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct err;
struct tar_pax;

struct tar_sparse {
	bool is_sparse;
	struct buf pairs; /* u64 offset, u64 length */

	/* A PAX 1.0 map: "COUNT\n" then OFFSET\n LENGTH\n ... */
	uint64_t numbers_left; /* UINT64_MAX: the count itself is next */
	char digits[20];
	size_t n_digits;
};

void tar_sparse_init(struct tar_sparse *s);
void tar_sparse_release(struct tar_sparse *s);
void tar_sparse_clear(struct tar_sparse *s);

/* GNU headers' pairs of 12-byte numbers; an empty one ends them. */
int tar_sparse_add_pairs(
    struct tar_sparse *s, const uint8_t *p, size_t n, struct err *e);
int tar_sparse_take_pax(
    struct tar_sparse *s, const struct tar_pax *p, struct err *e);

void tar_sparse_begin_text(struct tar_sparse *s);
/* One block of 512 bytes; the map ends with a block. */
int tar_sparse_add_text(struct tar_sparse *s, const uint8_t *block,
    bool *is_complete, struct err *e);

/* In order, without overlap, inside `size`, and `stored` bytes in all. */
int tar_sparse_check(
    const struct tar_sparse *s, uint64_t stored, uint64_t size, struct err *e);

/* The i-th segment [start, end); false past the last and for a file that is not
 * sparse. */
bool tar_sparse_segment(
    const struct tar_sparse *s, uint32_t i, uint64_t *start, uint64_t *end);

#endif
