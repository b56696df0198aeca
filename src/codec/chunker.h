/* Where a file's bytes are cut into chunks: by their content, so that files that
 * share a part share chunks.
 *
 * The places are those of containers/storage (pkg/chunked/compressor), so that
 * podman finds chunks again that it has from images which others converted:
 * behind each byte where the sum that rolls over the last 64 of the file ends in
 * 16 ones, which happens every 64 KiB or so, and around each run of at least 1
 * KiB of zeros.  Only, chunks are bounded here and not there: the sum does not cut
 * one shorter than CHUNKER_MIN, and one that reaches CHUNKER_MAX is cut.
 *
 * Pure; one thread at a time.  A file's bytes lie together in memory as far as
 * its open chunk and the CHUNKER_WINDOW bytes before that go, which may be of
 * anything where the file has none.
 */
#ifndef CODEC_CHUNKER_H
#define CODEC_CHUNKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CHUNKER_WINDOW = 64,
	CHUNKER_HOLE = 1 << 10, /* the shortest run of zeros for itself */
	CHUNKER_MIN = 256,
	CHUNKER_MAX = 1 << 20,
};

struct chunker {
	uint32_t s1, s2;
	unsigned filled; /* bytes of the file in the window */
	size_t seen;     /* of the open chunk: bytes that are in the sum */
	bool is_zeros;   /* the open chunk is a run of zeros so far */
};

void chunker_begin(struct chunker *c);

/* The open chunk lies at p, n bytes of it and of what follows are there;
 * `is_all`: nothing follows in the file.  Its length, when its end is seen, and
 * then the next one is open behind it; 0: more bytes must come first, or with
 * `is_all` n is 0. */
size_t chunker_next(
    struct chunker *c, const uint8_t *p, size_t n, bool is_all, bool *is_zeros);

#endif
