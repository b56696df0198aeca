/* zstd frames (RFC 8878).  Skippable frames are units that decode to nothing.
 * Frames whose window is larger than ZSTD_WINDOW_BYTES (`zstd --long=28` and
 * up) are ENOTSUP: their memory is what a stranger asks of us. */
#ifndef CODEC_ZSTD_H
#define CODEC_ZSTD_H

#include "codec/decode.h"

enum { ZSTD_WINDOW_LOG = 27 };
#define ZSTD_WINDOW_BYTES (1u << ZSTD_WINDOW_LOG)

struct decoder *zstd_decoder_new(struct err *e);

struct buf;

/* Appends one frame that holds the n bytes. */
int zstd_pack(
    struct buf *out, const void *p, size_t n, int level, struct err *e);

#endif
