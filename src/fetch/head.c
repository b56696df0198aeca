#include "fetch/head.h"

#include <string.h>

#include "format/format.h"
#include "base/bytes.h"

static int
settle(struct head *h, head_take *take, void *ctx, struct err *e)
{
	h->format = format_match(h->bytes, h->have, e);
	if (h->format == NULL)
		return -1;
	return take(ctx, h->format, h->bytes, h->have, e);
}

int
head_feed(struct head *h, const void *p, size_t n, head_take *take, void *ctx,
    struct err *e)
{
	size_t missing = HEAD_BYTES - h->have;

	if (h->format == NULL) {
		size_t some = min_u64(n, missing);

		memcpy(h->bytes + h->have, p, some);
		h->have += some;
		p = (const uint8_t *)p + some;
		n -= some;
		if (h->have == HEAD_BYTES && settle(h, take, ctx, e) < 0)
			return -1;
	}
	if (n == 0)
		return 0;
	return take(ctx, h->format, p, n, e);
}

int
head_end(struct head *h, head_take *take, void *ctx, struct err *e)
{
	return h->format == NULL ? settle(h, take, ctx, e) : 0;
}
