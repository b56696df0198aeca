/* What unit tests and fuzzers gzip with: one member of stored blocks (RFC 1951, 3.2.4),
 * whose bytes can be found again. */
#ifndef CODEC_GZIP_MEMBER_H
#define CODEC_GZIP_MEMBER_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <zlib.h>

#include "base/bytes.h"
#include "base/err.h"

static inline void
gzip_store(struct buf *out, const uint8_t *p, size_t n)
{
	static const uint8_t header[10] = { 0x1f, 0x8b, 8, [9] = 3 };
	uint8_t trailer[8];
	struct err e = ERR_INIT;
	int rc = buf_append(out, header, sizeof header, &e);

	put_le32(trailer, crc32(0, p, n));
	put_le32(trailer + 4, n);
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

#endif
