/* Where everything of a tree goes in the image: the writer's plan. */
#ifndef INDEX_LAYOUT_H
#define INDEX_LAYOUT_H

#include <stdint.h>

#include "base/cleanup.h"

struct err;
struct node;
struct tree;

struct place {
	const struct node *node;
	uint64_t size; /* as the inode says it */
	uint32_t nid;
	uint32_t block; /* the first whole block, 0: none */
	uint16_t tail;  /* bytes after the head, in the same block */
};

/* Embedded by its user, zero at the start. */
struct layout {
	struct place *places; /* in the order of nids */
	uint32_t n_places;
	uint32_t *nids;      /* by node->number */
	uint64_t inodes_end; /* bytes */
	uint64_t size;       /* bytes of the whole image */
};

#define AUTO_LAYOUT CLEANUP(layout_release)

/* EFBIG past LIMIT_INDEX_BYTES. */
int layout_make(struct layout *l, const struct tree *t, struct err *e);
void layout_release(struct layout *l);

/* Bytes of the core with its xattrs, and of a file's place. */
uint64_t layout_head(const struct node *n);

/* How many of a folder's names, from i on, fill one block; *used: its bytes. */
uint32_t layout_fill_block(
    const struct node *folder, uint32_t i, uint32_t *used);

#endif
