/* Do two indexes show the same tree: names, attributes, links, extended
 * attributes, contents? */
#ifndef LAYER_TREE_COMPARE_H
#define LAYER_TREE_COMPARE_H

#include <stdint.h>

struct digest;
struct err;
struct index;
struct store;

struct tree_comparison {
	const struct index *want;
	const struct index *shown; /* its files' bytes are the store's */
	struct store *store;
	/* Of a file of `want`, by its place there; NULL: it has none. */
	const struct digest *(*digest_of)(void *ctx, uint64_t data_off);
	void *ctx;
};

/* EBADMSG names the first difference by its path; EAGAIN: some bytes are not in
 * the store. */
int tree_compare(const struct tree_comparison *q, struct err *e);

#endif
