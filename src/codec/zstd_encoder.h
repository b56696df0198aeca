/* Makes zstd frames (RFC 8878).
 *
 * An encoder makes one frame of bytes that lie together, and keeps its memory
 * for the next: some MiB, by level.  A packer makes one frame of a text that
 * comes in pieces, and keeps the frame alone.
 *
 * Frames have no checksum: whoever publishes them has a digest.  Equal input at
 * an equal level gives equal frames, whichever thread makes them.  One thread at
 * a time.
 */
#ifndef CODEC_ZSTD_ENCODER_H
#define CODEC_ZSTD_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"

struct err;
struct zstd_encoder;
struct zstd_packer;

/* Levels are libzstd's, but for the default one: an encoder makes that of other
 * means by the size of the frame (zstd_encoder.c), and it comes out between libzstd's
 * 5 and 6. */
enum { ZSTD_LEVEL_MIN = 1, ZSTD_LEVEL_MAX = 22, ZSTD_LEVEL_DEFAULT = 6 };

struct zstd_encoder *zstd_encoder_new(int level, struct err *e);
void zstd_encoder_free(struct zstd_encoder *z);

/* Appends the frame of p to `out`. */
int zstd_encoder_frame(struct zstd_encoder *z, const void *p, size_t n,
    struct buf *out, struct err *e);

#define AUTO_ZSTD_PACKER CLEANUP(zstd_packer_cleanup)

/* Of so large a text at most: E2BIG past it. */
struct zstd_packer *zstd_packer_new(int level, size_t text_max, struct err *e);
void zstd_packer_free(struct zstd_packer *z);

static inline void
zstd_packer_cleanup(struct zstd_packer **z)
{
	zstd_packer_free(*z);
}

int zstd_packer_add(
    struct zstd_packer *z, const void *p, size_t n, struct err *e);
/* The frame is complete: it is moved to `out`, which is empty.  *text_len: of
 * all that was added. */
int zstd_packer_end(
    struct zstd_packer *z, struct buf *out, uint64_t *text_len, struct err *e);

/* A skippable frame: its payload comes SKIPPABLE_HEADER bytes behind its
 * beginning. */
enum { ZSTD_SKIPPABLE_HEADER = 8 };
void zstd_skippable_header(
    uint8_t out[ZSTD_SKIPPABLE_HEADER], uint32_t payload_len);

#endif
