/* Writes a finished tree as an EROFS image without file data (the layout is
 * index/erofs.h).  Deterministic: the same tree and places give the same bytes.
 */
#ifndef INDEX_WRITER_H
#define INDEX_WRITER_H

#include <stdint.h>

struct err;
struct tree;

struct index_options {
	uint8_t uuid[16];     /* the layer's own: overlayfs tells lowers apart
				 by it */
	uint64_t data_blocks; /* what statfs shows beside the index: 4 KiB */
	/* Where a file's bytes lie in `data`: a multiple of 4096 below
	 * LIMIT_DATA_BYTES.  NULL: `content` is that already. */
	uint64_t (*data_off)(void *ctx, uint64_t content);
	void *ctx;
};

/* To fd's start; no fsync.  EFBIG past LIMIT_INDEX_BYTES. */
int index_write(
    const struct tree *t, const struct index_options *o, int fd, struct err *e);

/* Rewrites every regular file's place in an image that travelled: `move` maps
 * the old position in `data` to the new one.  The image is checked first, as
 * index_open() does, EBADMSG.  EFBIG when a file is moved to no place in
 * `data`: the image is then half done.  The checksum covers block 0 alone,
 * where no place is, and stays right. */
int index_relocate(uint8_t *image, uint64_t size,
    uint64_t (*move)(void *ctx, uint64_t data_off, uint64_t file_size),
    void *ctx, struct err *e);

#endif
