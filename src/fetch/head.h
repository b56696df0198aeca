/* The first bytes of a blob, kept until there are enough to tell its format. */
#ifndef FETCH_HEAD_H
#define FETCH_HEAD_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct format;

enum { HEAD_BYTES = 512 };

struct head {
	const struct format *format; /* NULL until known */
	size_t have;
	uint8_t bytes[HEAD_BYTES];
};

typedef int head_take(
    void *ctx, const struct format *f, const void *p, size_t n, struct err *e);

/* Gives the blob's bytes on to `take`, from the first on, as soon as the format
 * is known.  ENOTSUP: it is none of ours. */
int head_feed(struct head *h, const void *p, size_t n, head_take *take,
    void *ctx, struct err *e);

/* The blob has ended: one that is shorter than a head is told apart now. */
int head_end(struct head *h, head_take *take, void *ctx, struct err *e);

#endif
