#include "mount/path_node.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

struct path_node {
	struct hnode node;
	uint64_t id;
	uint64_t lookups; /* that the kernel has not forgotten */
	char *path;
	char *text;
	mode_t mode;
	uint64_t size;
};

void
path_nodes_init(struct path_nodes *n)
{
	lock_init(&n->lock, RANK_LEAF);
	n->by_id = HMAP_INIT;
}

static void
free_node(struct path_node *p)
{
	free(p->path);
	free(p->text);
	free(p);
}

void
path_nodes_release(struct path_nodes *n)
{
	struct hnode *h;

	while ((h = hmap_any(&n->by_id)) != NULL) {
		hmap_remove(&n->by_id, h);
		free_node(container_of(h, struct path_node, node));
	}
	hmap_release(&n->by_id);
	lock_destroy(&n->lock);
}

/* The root has 1, and 0 means nothing: neither is a path's. */
static uint64_t
id_of(const char *path)
{
	struct digest d;

	digest_of(&d, path, strlen(path));
	return digest_prefix(&d) | (uint64_t)1 << 62;
}

static struct path_node *
find_node(struct path_nodes *n, uint64_t id)
{
	struct hnode *h = hmap_first(&n->by_id, id);

	return h != NULL ? container_of(h, struct path_node, node) : NULL;
}

static struct path_node *
add_node(struct path_nodes *n, uint64_t id, const char *path)
{
	struct path_node *p = calloc(1, sizeof *p);

	if (p == NULL || (p->path = strdup(path)) == NULL) {
		free(p);
		return NULL;
	}
	p->id = id;
	hmap_insert(&n->by_id, &p->node, id);
	return p;
}

static void
fill_stat(const struct path_node *p, struct stat *out)
{
	*out = (struct stat){ .st_ino = p->id,
		.st_mode = p->mode,
		.st_nlink = S_ISDIR(p->mode) ? 2 : 1,
		.st_size = p->size };
}

bool
path_nodes_enter(struct path_nodes *n, const char *path,
    const struct path_content *c, struct stat *out)
{
	char *text = c->text != NULL ? strdup(c->text) : NULL;
	uint64_t id = id_of(path);

	LOCK_SCOPE(&n->lock);
	struct path_node *p = find_node(n, id);
	if (p == NULL)
		p = add_node(n, id, path);
	if (p == NULL || strcmp(p->path, path) != 0 ||
	    (c->text != NULL && text == NULL)) {
		free(text);
		return false;
	}
	free(p->text);
	p->text = text;
	p->mode = c->mode;
	p->size = text != NULL ? strlen(text) : c->size;
	p->lookups++;
	fill_stat(p, out);
	return true;
}

void
path_nodes_forget(struct path_nodes *n, uint64_t id, uint64_t lookups)
{
	LOCK_SCOPE(&n->lock);
	struct path_node *p = find_node(n, id);

	if (p == NULL)
		return;
	p->lookups -= lookups < p->lookups ? lookups : p->lookups;
	if (p->lookups > 0)
		return;
	hmap_remove(&n->by_id, &p->node);
	free_node(p);
}

bool
path_nodes_stat(struct path_nodes *n, uint64_t id, struct stat *out)
{
	if (id == PATH_ROOT_ID) {
		*out = (struct stat){ .st_ino = PATH_ROOT_ID,
			.st_mode = S_IFDIR | 0700,
			.st_nlink = 2 };
		return true;
	}
	LOCK_SCOPE(&n->lock);
	struct path_node *p = find_node(n, id);
	if (p != NULL)
		fill_stat(p, out);
	return p != NULL;
}

char *
path_nodes_path(struct path_nodes *n, uint64_t id)
{
	if (id == PATH_ROOT_ID)
		return strdup("");
	LOCK_SCOPE(&n->lock);
	struct path_node *p = find_node(n, id);
	return p != NULL ? strdup(p->path) : NULL;
}

char *
path_nodes_text(struct path_nodes *n, uint64_t id)
{
	LOCK_SCOPE(&n->lock);
	struct path_node *p = find_node(n, id);

	return p != NULL && p->text != NULL ? strdup(p->text) : NULL;
}
