/* Gives the files of an image that travelled their places here. */
#include <errno.h>

#include "index/image.h"
#include "index/writer.h"
#include "base/err.h"

int
index_relocate(uint8_t *image, uint64_t size,
    uint64_t (*move)(void *ctx, uint64_t data_off, uint64_t file_size),
    void *ctx, struct err *e)
{
	struct image m = { .base = image, .size = size };
	int r = image_check(&m, e);

	for (uint64_t nid = image_next(&m, 0); r == 0 && nid != 0;
	     nid = image_next(&m, nid + 1)) {
		const struct erofs_inode *i = inode_at(&m, nid);
		struct erofs_chunk *c;
		uint64_t to;

		if (!inode_is_chunked(i))
			continue;
		c = (void *)(image + ((const uint8_t *)inode_chunk(i) - image));
		to = move(ctx, (uint64_t)c->block * EROFS_BLOCK, i->size);
		if (!erofs_encode_place(c, to, i->size))
			r = err_set(e, EFBIG,
			    "%llu bytes at %llu: no place in data",
			    (unsigned long long)i->size,
			    (unsigned long long)to);
	}
	image_release(&m);
	return r;
}
