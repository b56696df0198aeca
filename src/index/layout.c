#include "index/layout.h"

#include <errno.h>
#include <string.h>

#include "index/erofs.h"
#include "index/tree_node.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

uint64_t
layout_head(const struct node *n)
{
	uint64_t head = sizeof(struct erofs_inode) + n->xattr_bytes;

	if (S_ISREG(n->mode) && n->size > 0)
		head = align_up(head, sizeof(struct erofs_chunk)) +
		       sizeof(struct erofs_chunk);
	return head;
}

uint32_t
layout_fill_block(const struct node *folder, uint32_t i, uint32_t *used)
{
	uint32_t n = 0;

	*used = 0;
	for (; i + n < folder->size; n++) {
		uint32_t more =
		    sizeof(struct erofs_dirent) + folder->names[i + n]->len;

		if (*used + more > EROFS_BLOCK)
			break;
		*used += more;
	}
	return n;
}

static uint64_t
folder_size(const struct node *folder)
{
	uint64_t size = 0;
	uint32_t used;

	for (uint32_t i = 0; i < folder->size;) {
		i += layout_fill_block(folder, i, &used);
		size += i < folder->size ? EROFS_BLOCK : used;
	}
	return size;
}

static uint64_t
inode_size(const struct node *n)
{
	if (S_ISDIR(n->mode))
		return folder_size(n);
	return S_ISREG(n->mode) || S_ISLNK(n->mode) ? n->size : 0;
}

/* ---- inodes ---- */

/* Puts the next inode at or after inodes_end. */
static int
place_node(struct layout *l, const struct node *n, struct err *e)
{
	struct place *p = &l->places[l->n_places];
	uint64_t at = l->inodes_end, head = layout_head(n), room = EROFS_BLOCK;

	*p = (struct place){ .node = n, .size = inode_size(n) };
	if (S_ISDIR(n->mode) || S_ISLNK(n->mode))
		p->tail = p->size % EROFS_BLOCK;
	if (l->n_places == 0)
		room -= at % EROFS_BLOCK; /* the root stays where it is */
	if (p->tail > 0 && head + p->tail > room)
		p->tail = 0;
	if (p->tail > 0 && at % EROFS_BLOCK + head + p->tail > EROFS_BLOCK)
		at = align_up(at, EROFS_BLOCK);
	l->inodes_end = align_up(at + head + p->tail, EROFS_SLOT);
	if (l->inodes_end > LIMIT_INDEX_BYTES)
		return err_set(e, EFBIG, "an index over %llu bytes",
		    (unsigned long long)LIMIT_INDEX_BYTES);
	p->nid = (at - EROFS_META) / EROFS_SLOT;
	l->nids[n->number] = p->nid;
	l->n_places++;
	return 0;
}

static bool
is_dots(const struct name *n)
{
	return n->text[0] == '.' &&
	       (n->len == 1 || (n->len == 2 && n->text[1] == '.'));
}

/* What is in one folder lies together, and so does what is below it: readers
 * stat what they list.  As deep as LIMIT_DEPTH. */
static int
place_children(struct layout *l, const struct node *folder, struct err *e)
{
	for (uint32_t i = 0; i < folder->size; i++) {
		const struct node *n = folder->names[i]->node;

		if (l->nids[n->number] == 0 && place_node(l, n, e) < 0)
			return -1;
	}
	for (uint32_t i = 0; i < folder->size; i++) {
		const struct name *name = folder->names[i];

		if (S_ISDIR(name->node->mode) && !is_dots(name) &&
		    place_children(l, name->node, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- blocks ---- */

static void
place_blocks(struct layout *l)
{
	uint64_t block = align_up(l->inodes_end, EROFS_BLOCK) / EROFS_BLOCK;

	for (uint32_t i = 0; i < l->n_places; i++) {
		struct place *p = &l->places[i];

		if (S_ISREG(p->node->mode) || p->size == p->tail)
			continue;
		p->block = block;
		block += align_up(p->size - p->tail, EROFS_BLOCK) / EROFS_BLOCK;
	}
	l->size = block * EROFS_BLOCK;
}

int
layout_make(struct layout *l, const struct tree *t, struct err *e)
{
	l->places = calloc(t->n_inodes, sizeof l->places[0]);
	l->nids = calloc(t->n_inodes, sizeof l->nids[0]);
	if (l->places == NULL || l->nids == NULL)
		return err_set(e, ENOMEM, "memory for an index");
	l->inodes_end = EROFS_META + EROFS_ROOT * EROFS_SLOT;
	if (place_node(l, t->root, e) < 0 || place_children(l, t->root, e) < 0)
		return -1;
	place_blocks(l);
	if (l->size > LIMIT_INDEX_BYTES)
		return err_set(e, EFBIG, "an index of %llu bytes",
		    (unsigned long long)l->size);
	return 0;
}

void
layout_release(struct layout *l)
{
	free(l->places);
	free(l->nids);
	*l = (struct layout){ 0 };
}
