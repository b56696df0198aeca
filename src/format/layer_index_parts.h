/* The parts of a layer's index that have a file of their own.  Private to
 * layer_index*.c. */
#ifndef FORMAT_LAYER_INDEX_PARTS_H
#define FORMAT_LAYER_INDEX_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/tar.h"
#include "base/bytes.h"
#include "base/limits.h"

struct err;
struct index;
struct map;

/* ---- reading ---- */

struct cursor {
	const uint8_t *p;
	size_t left;
};

/* n bytes, or NULL where fewer are left. */
static inline const uint8_t *
cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (n > c->left)
		return NULL;
	c->p += n;
	c->left -= n;
	return p;
}

/* One entry after the other. */
struct index_entries {
	struct cursor left;
	char path[LIMIT_PATH_BYTES];
	size_t path_len;
	struct buf xattrs; /* struct tar_xattr */
};

struct index_read {
	struct tar_entry tar; /* without the size; points into the tables and
				 the entries */
	bool is_opaque;       /* nothing but the path counts */
	uint32_t object;      /* of a file; LAYERFS_NO_OBJECT */
};

int index_entries_next(
    struct index_entries *r, struct index_read *out, struct err *e);

/* ---- writing ---- */

struct tree_writing {
	const struct index *x;
	const struct map *m;
	const uint32_t *numbers; /* an object's, by its number in the map */
	struct buf *tables;
	uint32_t n_entries; /* out */
};

/* Appends the entries of all of the tree. */
int layer_index_put_tree(struct tree_writing *w, struct err *e);

#endif
