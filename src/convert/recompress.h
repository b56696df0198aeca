/* One layer's blob into another: whatever it is compressed by, its tar into
 * zstd:chunked.
 *
 *	source -> blob_reader -> decoder -> framer -> press -> chunked_blob -> file
 *
 * The tar is the same, byte for byte, unless a wish gives it another order
 * (tar_order.h): then it goes through a file first.  The new blob depends on
 * the tar, the level and the wish alone, not on how many threads made it.
 * Blocks; the caller's thread reads the tar, the press' make the frames.
 * Memory: 4 MiB for what comes in, the framer's batches, and the tables'
 * frames, which are some percent of the blob.
 */
#ifndef CONVERT_RECOMPRESS_H
#define CONVERT_RECOMPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/descriptor.h"

struct err;
struct press;
struct source;
struct wish;

struct recompress {
	struct source *source;
	const struct descriptor *layer;
	const struct digest *diff_id; /* that the tar must have */
	struct press *press;
	int fd;                  /* a new file; -1: the blob is not kept */
	const struct wish *wish; /* NULL: the tar stays as it is */
	int spool_fd;            /* a new file, with a wish */
	/* Only so much of the blob is read, and nothing checked; 0: all. */
	uint64_t sample_bytes;

	/* Bytes of the blob that were read, and of the new one that are in the
	 * file by then; on the caller's thread, or NULL. */
	void (*on_progress)(void *ctx, uint64_t bytes, uint64_t written);
	void *ctx;
	const _Atomic bool *is_cancelled; /* looked at now and then; or NULL */
};

struct recompressed {
	/* With the annotations that name its table, when it has one. */
	struct descriptor descriptor;
	const char *misfit;    /* why it has none; NULL: it has */
	struct digest diff_id; /* the one that was, without a wish */
	uint64_t tar_bytes;
	uint64_t sampled_bytes; /* of the tar, that are in a sample's blob */
};

/* EBADMSG when the blob is not what its digest says, or the tar not what diff_id
 * says: the file is good for nothing then.  ECANCELED.  *out is released by
 * descriptor_release(&out->descriptor). */
int recompress(
    const struct recompress *r, struct recompressed *out, struct err *e);

#endif
