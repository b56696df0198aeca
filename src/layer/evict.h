/* Which data may go when room is needed (store/evict.h does it):
 *
 *	never   what a pinned image has; a layer whose sources all failed when
 *	        asked last, or are gone: it could not be had again
 *	idle    images that nobody uses, by when they were used last
 *	live    images that are mounted, held by a runtime, or open
 *	whole   live, and a plain layer: to be had again only by reading its
 *	        whole blob
 */
#ifndef LAYER_EVICT_H
#define LAYER_EVICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct catalog;
struct err;
struct evict_span;

/* What starts of images in use read first, which goes last: for who learns it.
 * *out is freed by the caller. */
struct start_list {
	int (*list)(void *ctx, struct evict_span **out, size_t *n);
	void *ctx;
};

struct evict_request {
	uint64_t need_bytes;
	bool is_full; /* the disk: layers in use that go only whole, too */
	const struct start_list *start; /* or NULL */
};

/* EAGAIN while images are being removed.  Blocking. */
int catalog_evict(struct catalog *c, const struct evict_request *q,
    uint64_t *freed_bytes, struct err *e);

#endif
