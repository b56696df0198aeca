/* Extended attributes of a tree's nodes. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "index/erofs.h"
#include "index/tree_node.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

static uint32_t
disk_bytes(size_t name_len, size_t value_len)
{
	return align_up(sizeof(struct erofs_xattr) + name_len + value_len, 4);
}

static uint64_t
xattr_hash(
    const struct tree *t, const struct node *n, const char *name, size_t len)
{
	return hash_bytes(name, len, t->seed ^ (uintptr_t)n);
}

static struct xattr *
xattr_find(const struct tree *t, const struct node *n, uint8_t prefix,
    const char *name, size_t len)
{
	hmap_for_each_match(&t->xattrs, xattr_hash(t, n, name, len), h) {
		struct xattr *x = container_of(h, struct xattr, in_xattrs);

		if (x->node == n && x->prefix == prefix && x->name_len == len &&
		    memcmp(x->name, name, len) == 0)
			return x;
	}
	return NULL;
}

static struct xattr *
xattr_new(struct tree *t, struct node *n, uint8_t prefix, const char *name,
    size_t len, struct err *e)
{
	struct xattr *x = arena_alloc(&t->arena, sizeof *x + len);

	if (x == NULL) {
		err_set(e, ENOMEM, "memory for an attribute");
		return NULL;
	}
	x->node = n;
	x->prefix = prefix;
	x->name_len = len;
	memcpy(x->name, name, len);
	if (n->xattrs == NULL) {
		x->next = x;
		n->xattr_bytes = sizeof(struct erofs_xattr_header);
	} else {
		x->next = n->xattrs->next;
		n->xattrs->next = x;
	}
	n->xattrs = x;
	n->xattr_bytes += disk_bytes(len, 0);
	hmap_insert(&t->xattrs, &x->in_xattrs, xattr_hash(t, n, name, len));
	return x;
}

static int
set_xattr(struct tree *t, struct node *n, const char *name, const void *value,
    size_t value_len, struct err *e)
{
	size_t prefix_len, len = strlen(name);
	uint8_t prefix = erofs_xattr_prefix(name, &prefix_len);
	struct xattr *x;
	uint64_t bytes;
	void *copy;

	if (prefix == 0 || len > LIMIT_NAME_BYTES)
		return err_set(e, ENOTSUP, "attribute %.64s", name);
	if (value_len > LIMIT_XATTR_BYTES)
		return err_set(
		    e, E2BIG, "attribute %s of %zu bytes", name, value_len);
	name += prefix_len;
	len -= prefix_len;
	x = xattr_find(t, n, prefix, name, len);
	bytes = n->xattr_bytes + disk_bytes(len, value_len);
	if (x != NULL)
		bytes -= disk_bytes(len, x->value_len);
	if (bytes > LIMIT_XATTRS_BYTES + sizeof(struct erofs_xattr_header))
		return err_set(e, E2BIG, "attributes of %llu bytes",
		    (unsigned long long)bytes);
	copy = tree_copy(t, value, value_len, e);
	if (copy == NULL)
		return -1;
	if (x == NULL)
		x = xattr_new(t, n, prefix, name, len, e);
	if (x == NULL)
		return -1;
	n->xattr_bytes += disk_bytes(len, value_len);
	n->xattr_bytes -= disk_bytes(len, x->value_len);
	x->value = copy;
	x->value_len = value_len;
	return 0;
}

/* What overlayfs takes for its own: a layer that brought it could show files of
 * the layers below under other names ("redirect", "metacopy"). */
static bool
is_overlay(const char *name)
{
	return strncmp(name, "trusted.overlay.", 16) == 0 ||
	       strncmp(name, "user.overlay.", 13) == 0;
}

int
tree_set_xattr(struct tree *t, struct node *n, const char *name,
    const void *value, size_t value_len, struct err *e)
{
	assert(!t->is_finished);
	if (is_overlay(name))
		return err_set(
		    e, ENOTSUP, "attribute %.64s is overlayfs's own", name);
	return set_xattr(t, n, name, value, value_len, e);
}

int
tree_set_opaque_xattr(struct tree *t, struct node *n, struct err *e)
{
	return set_xattr(t, n, XATTR_OPAQUE, "y", 1, e);
}

void
tree_drop_xattrs(struct tree *t, struct node *n)
{
	struct xattr *x = n->xattrs;

	if (x == NULL)
		return;
	do {
		hmap_remove(&t->xattrs, &x->in_xattrs);
		x = x->next;
	} while (x != n->xattrs);
	n->xattrs = NULL;
	n->xattr_bytes = 0;
}
