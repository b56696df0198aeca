/* A stretch: bytes of the decompressed stream that lie together, on their way
 * from the unpacker, which cuts the blob into them, to the stream, which makes
 * files of them.  All are of one size, so that who carries them can use them
 * again.
 *
 * Plain memory of malloc(): whoever has one frees it.
 */
#ifndef FORMAT_STRETCH_H
#define FORMAT_STRETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/restart.h"
#include "codec/window.h"
#include "store/map.h"
#include "base/list.h"

enum { STRETCH_BYTES = 256 << 10 };

struct stretch {
	struct list link;    /* who holds it has use of it */
	uint64_t stream_off; /* of the first byte */

	/* How the blob gives the bytes again: RAW and STREAM by their position,
	 * else by decoding a range, to these bytes and their neighbours. */
	enum chunk_codec codec;
	uint64_t blob_off;
	uint32_t blob_len;
	uint64_t range_off; /* where the stream has the range's first byte */

	/* The first of a span: where that restarts. */
	bool has_point;
	uint8_t bits;
	uint32_t window_len;

	size_t len;
	uint8_t bytes[STRETCH_BYTES];
	uint8_t window[RESTART_WINDOW_BYTES];
	struct sequel sequel; /* which says what of the window is needed */
};

#endif
