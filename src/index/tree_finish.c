/* The end of adding: hard links find their inodes, names are sorted, links and
 * inodes are counted. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "index/tree_node.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

static bool
name_is_alive(const struct tree *t, const struct name *n)
{
	return n->node != NULL && n->epoch == n->folder->epoch &&
	       (n->folder == t->root || n->folder->n_links > 0);
}

#define for_each_name(t, n) \
	for (struct name *n = (t)->first_name; n != NULL; n = n->next)
#define for_each_node(t, n) \
	for (struct node *n = (t)->root; n != NULL; n = n->next)

/* Leaves only names that are alive with a node. */
static void
count_links(struct tree *t)
{
	t->root->n_links = 1;
	for_each_name(t, n)
	{
		if (name_is_alive(t, n))
			n->node->n_links++;
		else
			n->node = NULL;
	}
}

/* ---- hard links ---- */

static int
find_target(struct tree *t, struct node *pending, struct err *e)
{
	const char *path = pending->target_path;
	struct tree_path p;
	struct node *folder, *n = NULL;

	if (tree_split(path, pending->size, &p, e) < 0)
		return -1;
	folder = tree_walk_parents(t, &p, false, e);
	if (folder != NULL)
		n = tree_child(t, folder, p.last, p.last_len);
	if (n == NULL || node_is_whiteout(n))
		return err_set(e, EBADMSG, "the target is missing");
	if (S_ISDIR(n->mode))
		return err_set(e, EBADMSG, "the target is a folder");
	pending->leads_to = n;
	return 0;
}

/* Follows a chain to its inode and shortens it for those that come after.
 * `mark` differs with each call: met again, it is a cycle. */
static int
resolve(struct node *pending, uint32_t mark, struct err *e)
{
	struct node *end = pending, *next;

	while (node_is_pending(end)) {
		if (end->number == mark)
			return err_set(
			    e, EBADMSG, "the target leads back to the link");
		end->number = mark;
		end = end->leads_to;
	}
	for (struct node *n = pending; node_is_pending(n); n = next) {
		next = n->leads_to;
		n->leads_to = end;
	}
	return 0;
}

static int
resolve_name(struct name *name, uint32_t mark, struct err *e)
{
	struct node *n = name->node;

	if (resolve(n, mark, e) < 0)
		return err_wrap(e, "%.*s, hard link to %.*s", name->len,
		    name->text, shown(n->size), n->target_path);
	name->node = n->leads_to;
	name->node->n_links++;
	return 0;
}

static int
resolve_links(struct tree *t, struct err *e)
{
	uint32_t mark = 0;

	for_each_name(t, name)
	{
		struct node *n = name->node;

		if (n == NULL || !node_is_pending(n) || n->leads_to != NULL)
			continue;
		if (find_target(t, n, e) < 0)
			return err_wrap(e, "%.*s, hard link to %.*s", name->len,
			    name->text, shown(n->size), n->target_path);
	}
	for_each_name(t, name)
	{
		if (name->node != NULL && node_is_pending(name->node) &&
		    resolve_name(name, ++mark, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- nodes ---- */

static bool
node_is_alive(const struct node *n)
{
	return n->n_links > 0 && !node_is_pending(n);
}

static int
finish_nodes(struct tree *t, struct err *e)
{
	for_each_node(t, n)
	{
		if (!node_is_alive(n))
			continue;
		n->number = t->n_inodes++;
		if ((n->flags & NODE_OPAQUE) &&
		    tree_set_opaque_xattr(t, n, e) < 0)
			return -1;
		if (S_ISDIR(n->mode))
			n->nlink = 2;
		else if (n->nlink == 0)
			n->nlink = n->n_links;
	}
	for_each_name(t, name)
	{
		if (name->node == NULL)
			continue;
		if (S_ISLNK(name->node->mode) && name->node->target == NULL)
			return err_set(e, EBADMSG,
			    "%.*s: a symbolic link without a target", name->len,
			    name->text);
		name->folder->size++;
		if (S_ISDIR(name->node->mode))
			name->folder->nlink++;
	}
	return 0;
}

/* ---- names, sorted ---- */

static int
compare_names(const void *left, const void *right)
{
	const struct name *a = *(struct name *const *)left;
	const struct name *b = *(struct name *const *)right;
	int order = memcmp(a->text, b->text, min_u64(a->len, b->len));

	return order != 0 ? order : a->len - b->len;
}

static struct name *
dots_new(struct tree *t, uint8_t len, struct node *to, struct err *e)
{
	struct name *n = arena_alloc(&t->arena, sizeof *n + len);

	if (n == NULL) {
		err_set(e, ENOMEM, "memory for a name");
		return NULL;
	}
	n->len = len;
	memset(n->text, '.', len);
	n->node = to;
	return n;
}

/* Gives every folder its part of t->sorted, with "." and ".." in it. */
static int
share_out(struct tree *t, struct err *e)
{
	struct name **part = t->sorted;

	for_each_node(t, n)
	{
		if (!node_is_alive(n) || !S_ISDIR(n->mode))
			continue;
		n->names = part;
		part += n->size + 2;
		n->names[0] = dots_new(t, 1, n, e);
		n->names[1] = dots_new(t, 2, n->parent, e);
		if (n->names[0] == NULL || n->names[1] == NULL)
			return -1;
		n->size = 2;
	}
	return 0;
}

static int
sort_names(struct tree *t, struct err *e)
{
	size_t places = t->n_names + 2 * t->n_inodes;

	t->sorted = calloc(places, sizeof t->sorted[0]);
	if (t->sorted == NULL)
		return err_set(e, ENOMEM, "memory for %zu names", places);
	if (share_out(t, e) < 0)
		return -1;
	for_each_name(t, n)
	{
		if (n->node != NULL)
			n->folder->names[n->folder->size++] = n;
	}
	for_each_node(t, n)
	{
		if (node_is_alive(n) && S_ISDIR(n->mode))
			qsort(n->names, n->size, sizeof n->names[0],
			    compare_names);
	}
	return 0;
}

int
tree_finish(struct tree *t, struct err *e)
{
	assert(!t->is_finished);
	t->is_finished = true;
	count_links(t);
	if (resolve_links(t, e) < 0 || finish_nodes(t, e) < 0)
		return -1;
	return sort_names(t, e);
}

uint64_t
tree_inodes(const struct tree *t)
{
	return t->n_inodes;
}

int
tree_each_file(struct tree *t,
    int (*fn)(void *ctx, uint64_t size, uint64_t *content), void *ctx)
{
	assert(t->is_finished);
	for_each_node(t, n)
	{
		int r;

		if (!node_is_alive(n) || !S_ISREG(n->mode) || n->size == 0)
			continue;
		r = fn(ctx, n->size, &n->content);
		if (r != 0)
			return r;
	}
	return 0;
}
