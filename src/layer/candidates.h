/* Of the artifacts of a type that refer to a manifest the first that is of use: the
 * oldest, where the list is a tag (registry/referrers.h).  A list may be anybody's
 * work, so only the first few are looked at, and what they are decides who asked.
 * Entries without a manifest, which a writer may have left behind, are passed over,
 * and so are others' where the list does not tell types. */
#ifndef LAYER_CANDIDATES_H
#define LAYER_CANDIDATES_H

#include <stdint.h>

struct buf;
struct digest;
struct err;
struct repository;

struct candidates {
	const struct repository *at;
	const struct digest *subject;
	const char *type;
	/* Only those with a smaller digest, the smallest first; or NULL. */
	const struct digest *below;
	uint64_t until_ns; /* monotonic */

	/* 0: this one; its text, which may be taken. */
	int (*use)(void *ctx, struct buf *text, struct err *e);
	void *ctx;
};

/* Waits.  ENOENT: none refers to it; else why the list, or the last that was looked
 * at, is of no use. */
int candidates_try(const struct candidates *c, struct err *e);

#endif
