/* Restart points: places inside a blob from where it can be decompressed
 * without what came before.
 *
 * Between two of its blocks a deflate stream (a gzip member) needs nothing but
 * its bit position and the 32 KiB that were decoded last.  A *span* is what lies
 * between one point and the next, the end of the member, or whatever its maker
 * chose.  Its bytes in the blob begin with the byte that has the point's first
 * bits and end with the byte that has the next one's: where bits are left,
 * neighbours share that byte.
 *
 * Not for zstd of one frame: between its blocks stand the last block's entropy
 * tables, three offsets and a window of 2 to 8 MiB.  A decoder takes all three as a
 * dictionary; but what is needed of the windows for spans of 4 MiB is 3 to 7 % of the
 * blob (docs/PERFORMANCE.md), and a file of a kilobyte costs a span: a start would
 * read most of the layer.  Where a producer wants zstd read from its middle it
 * writes frames.
 */
#ifndef CODEC_RESTART_H
#define CODEC_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

enum {
	RESTART_WINDOW_BYTES = 32 << 10,
	RESTART_MIN_BYTES = 256 << 10, /* from one point to the next */
};

struct restart_point {
	uint64_t blob_off;   /* of the byte that has its first bits */
	uint64_t stream_off; /* of the decompressed stream, where it stands */
	uint8_t bits;        /* the upper ones of that byte; 0: all eight */
	bool is_stored;      /* the span's bytes are the stream's: no deflate,
				no bits, no window */
	bool has_digest;
	struct digest digest;  /* of the span's bytes in the blob */
	const uint8_t *window; /* the bytes before it, the nearest last */
	uint32_t window_len;   /* at most RESTART_WINDOW_BYTES */
};

#endif
