/* What unit tests and fuzzers make gzip members with (RFC 1952): of stored blocks, whose
 * bytes can be found again, and around deflate data that somebody else made. */
#ifndef CODEC_GZIP_MEMBER_H
#define CODEC_GZIP_MEMBER_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <zlib.h>

#include "base/bytes.h"
#include "base/err.h"

enum { GZIP_HEADER_BYTES = 10, GZIP_TRAILER_BYTES = 8 };

static inline void
gzip_put_header(uint8_t to[GZIP_HEADER_BYTES])
{
	memcpy(to, (uint8_t[GZIP_HEADER_BYTES]){ 0x1f, 0x8b, 8, [9] = 3 },
	    GZIP_HEADER_BYTES);
}

/* Of these contents. */
static inline void
gzip_put_trailer(uint8_t to[GZIP_TRAILER_BYTES], const uint8_t *p, size_t n)
{
	put_le32(to, crc32(0, p, n));
	put_le32(to + 4, n);
}

/* Of stored blocks (RFC 1951, 3.2.4). */
static inline void
gzip_store(struct buf *out, const uint8_t *p, size_t n)
{
	uint8_t header[GZIP_HEADER_BYTES], trailer[GZIP_TRAILER_BYTES];
	struct err e = ERR_INIT;
	int rc;

	gzip_put_header(header);
	gzip_put_trailer(trailer, p, n);
	rc = buf_append(out, header, sizeof header, &e);
	for (bool is_last = false; !is_last;) {
		uint16_t some = min_u64(n, UINT16_MAX);
		uint8_t block[5] = { is_last = some == n };

		put_le16(block + 1, some);
		put_le16(block + 3, ~some);
		rc |= buf_append(out, block, sizeof block, &e);
		rc |= buf_append(out, p, some, &e);
		p += some;
		n -= some;
	}
	rc |= buf_append(out, trailer, sizeof trailer, &e);
	assert(rc == 0);
	(void)rc;
}

/* Decodes deflate data into out[*len], and says how much it was.  The length of the
 * data; 0: it is none, or more than there is room for. */
static inline size_t
gzip_inflate(const uint8_t *p, size_t n, uint8_t *out, size_t *len)
{
	z_stream z = { .next_in = (uint8_t *)p,
		.avail_in = n,
		.next_out = out,
		.avail_out = *len };
	bool is_whole;

	*len = 0;
	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return 0;
	is_whole = inflate(&z, Z_FINISH) == Z_STREAM_END;
	inflateEnd(&z);
	*len = z.total_out;
	return is_whole ? z.total_in : 0;
}

/* The same, and puts a member around it: to[GZIP_HEADER_BYTES + n +
 * GZIP_TRAILER_BYTES].  The member's length, or 0. */
static inline size_t
gzip_wrap(uint8_t *to, const uint8_t *p, size_t n, uint8_t *out, size_t *len)
{
	size_t used = gzip_inflate(p, n, out, len);

	if (used == 0)
		return 0;
	gzip_put_header(to);
	memcpy(to + GZIP_HEADER_BYTES, p, used);
	gzip_put_trailer(to + GZIP_HEADER_BYTES + used, out, *len);
	return GZIP_HEADER_BYTES + used + GZIP_TRAILER_BYTES;
}

#endif
