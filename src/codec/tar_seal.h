/* Gives the headers of a damaged tar the checksums that their bytes should have, so
 * that the fuzzer reaches what is behind them.  V7's have nothing that they are known
 * by, and stay. */
#ifndef CODEC_TAR_SEAL_H
#define CODEC_TAR_SEAL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/tar.h"
#include "codec/tar_header.h"

static inline void
tar_seal_header(uint8_t *header)
{
	char text[16];
	unsigned sum = 0;

	memset(header + TAR_CHECKSUM, ' ', TAR_ID_LEN);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += header[i];
	snprintf(text, sizeof text, "%06o", sum);
	memcpy(header + TAR_CHECKSUM, text, TAR_ID_LEN - 1);
}

static inline void
tar_seal(uint8_t *tar, size_t n)
{
	for (; n >= TAR_BLOCK; tar += TAR_BLOCK, n -= TAR_BLOCK)
		if (memcmp(tar + TAR_MAGIC, "ustar", 5) == 0)
			tar_seal_header(tar);
}

/* The caller's to free; NULL: no memory. */
static inline uint8_t *
tar_sealed_copy(const uint8_t *p, size_t n)
{
	uint8_t *tar = malloc(n);

	if (tar != NULL) {
		memcpy(tar, p, n);
		tar_seal(tar, n);
	}
	return tar;
}

#endif
