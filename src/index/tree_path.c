/* Paths: what tree.h says of them. */
#include <errno.h>
#include <string.h>

#include "index/tree_node.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

enum { MAX_LINKS = 40 };

/* Links of links can make one path as long as 40 targets; hostile layers would
 * do that with each of millions.  Honest ones stay below a thousandth. */
#define MAX_FOLLOWED_BYTES MIB(256)

/* The next component of *p, *n; false at the end. */
static bool
next_component(const char **p, size_t *n, const char **comp, size_t *len)
{
	const char *slash;

	while (*n > 0 && **p == '/') {
		++*p;
		--*n;
	}
	if (*n == 0)
		return false;
	slash = memchr(*p, '/', *n);
	*comp = *p;
	*len = slash != NULL ? (size_t)(slash - *p) : *n;
	*p += *len;
	*n -= *len;
	return true;
}

static bool
is_dot(const char *comp, size_t len)
{
	return len == 1 && comp[0] == '.';
}

static bool
is_dot_dot(const char *comp, size_t len)
{
	return len == 2 && comp[0] == '.' && comp[1] == '.';
}

int
tree_split(const char *path, size_t len, struct tree_path *out, struct err *e)
{
	const char *p = path, *comp;
	size_t n = len, comp_len;

	*out = (struct tree_path){ .parents = path };
	if (len > LIMIT_PATH_BYTES)
		return err_set(e, EBADMSG, "a path of %zu bytes", len);
	if (len > 0 && memchr(path, 0, len) != NULL)
		return err_set(
		    e, EBADMSG, "%.*s: a NUL in a path", shown(len), path);
	while (next_component(&p, &n, &comp, &comp_len)) {
		if (is_dot(comp, comp_len))
			continue;
		if (is_dot_dot(comp, comp_len))
			return err_set(e, EBADMSG, "%.*s: '..' in a path",
			    shown(len), path);
		if (comp_len > LIMIT_NAME_BYTES)
			return err_set(e, EBADMSG, "%.*s: a name of %zu bytes",
			    shown(len), path, comp_len);
		out->last = comp;
		out->last_len = comp_len;
	}
	if (out->last != NULL)
		out->parents_len = out->last - path;
	return 0;
}

/* ---- walking ---- */

struct walk {
	struct tree *t;
	bool make;
	unsigned links;
	struct err *e;
};

static struct node *walk(
    struct walk *w, struct node *at, const char *path, size_t len);

static struct node *
follow(struct walk *w, struct node *at, const struct node *link)
{
	w->t->followed_bytes += link->size;
	if (++w->links > MAX_LINKS ||
	    w->t->followed_bytes > MAX_FOLLOWED_BYTES) {
		err_set(w->e, EBADMSG, "too many symbolic links");
		return NULL;
	}
	if (link->target == NULL) {
		err_set(w->e, EBADMSG, "a symbolic link without a target");
		return NULL;
	}
	if (link->target[0] == '/')
		at = w->t->root;
	return walk(w, at, link->target, link->size);
}

/* The folder that one component leads to. */
static struct node *
step(struct walk *w, struct node *at, const char *comp, size_t len)
{
	struct node *n;

	if (is_dot(comp, len))
		return at;
	if (is_dot_dot(comp, len))
		return at->parent;
	n = tree_child(w->t, at, comp, len);
	if (n != NULL && S_ISDIR(n->mode))
		return n;
	if (n != NULL && S_ISLNK(n->mode))
		return follow(w, at, n);
	if (n != NULL && !node_is_whiteout(n)) {
		err_set(
		    w->e, EBADMSG, "%.*s is not a folder", shown(len), comp);
		return NULL;
	}
	if (!w->make || len > LIMIT_NAME_BYTES) {
		err_set(w->e, w->make ? EBADMSG : ENOENT, "no folder %.*s",
		    shown(len), comp);
		return NULL;
	}
	return tree_imply(w->t, at, comp, len, w->e);
}

static struct node *
walk(struct walk *w, struct node *at, const char *path, size_t len)
{
	const char *comp;
	size_t n;

	while (at != NULL && next_component(&path, &len, &comp, &n))
		at = step(w, at, comp, n);
	return at;
}

static bool
is_last_parents(const struct tree *t, const struct tree_path *p)
{
	return t->last_folder != NULL &&
	       t->last_parents_len == p->parents_len &&
	       memcmp(t->last_parents, p->parents, p->parents_len) == 0;
}

struct node *
tree_walk_parents(
    struct tree *t, const struct tree_path *p, bool make, struct err *e)
{
	struct walk w = { .t = t, .make = make, .e = e };
	struct node *folder;

	if (p->parents_len == 0)
		return t->root;
	if (is_last_parents(t, p))
		return t->last_folder;
	folder = walk(&w, t->root, p->parents, p->parents_len);
	t->last_folder = folder;
	if (folder != NULL) {
		t->last_parents_len = p->parents_len;
		memcpy(t->last_parents, p->parents, p->parents_len);
	}
	return folder;
}
