/* The spans of a zTOC: how the blob is read from its middle.  Private to
 * ztoc.c.
 *
 * gzip: a span begins at a checkpoint, where a deflate block begins.
 *
 *	i32 n | i64 span size | n x (u64 in, u64 out, u8 bits, u8 window[32768])
 *
 * `in` are the blob's bytes before it, the last with `bits` of its bits not yet
 * used; that byte is in both spans.  Until 2023 the tool left out the first
 * record: one fewer than n follow, and the stream begins at byte 10, as in every
 * gzip file whose header names no file.
 *
 * Several gzip members: the checkpoints may end with the first, whose last span
 * then goes on through the others.
 *
 * None: spans are of one size but for the last.  A FlatBuffer again:
 *
 *	TarZinfo   0 version i32, 1 span size i64, 2 size of the blob i64
 */
#ifndef FORMAT_ZTOC_SPANS_H
#define FORMAT_ZTOC_SPANS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

struct err;
struct flat_table;
struct flatbuffer;

enum { ZTOC_WINDOW_BYTES = 32768 };

struct ztoc_span {
	uint64_t blob_off, blob_end;
	uint64_t tar_off, tar_end;
	uint8_t bits;          /* of the byte at blob_off */
	const uint8_t *window; /* ZTOC_WINDOW_BYTES; NULL: zeros */
	struct digest digest;  /* of [blob_off, blob_end) */
};

struct ztoc_spans {
	struct ztoc_span *at;
	uint32_t n;
	bool is_plain; /* the blob is the tar */
};

void ztoc_spans_release(struct ztoc_spans *s);

/* From the table CompressionInfo.  Windows point into the buffer. */
int ztoc_spans_read(struct ztoc_spans *s, struct flatbuffer *f,
    const struct flat_table *info, uint64_t blob_size, uint64_t tar_size,
    struct err *e);

#endif
