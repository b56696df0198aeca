/* A stretch: bytes of the decompressed stream that lie together, on their way
 * from the unpacker, which cuts the blob into them, to the stream, which makes
 * files of them.  All are of one size, so that who carries them can use them
 * again.
 *
 * Plain memory of malloc(): whoever has one frees it.
 */
#ifndef FORMAT_STRETCH_H
#define FORMAT_STRETCH_H

#include <stddef.h>
#include <stdint.h>

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

	size_t len;
	uint8_t bytes[STRETCH_BYTES];
};

#endif
