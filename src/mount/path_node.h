/* The nodes of a path_fs that the kernel knows: made by a lookup, gone when it
 * forgets them.  A node's id follows from its path, so that it means the same
 * in the worker's next life.  Any thread; nothing is handed out but copies.
 */
#ifndef MOUNT_PATH_NODE_H
#define MOUNT_PATH_NODE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/hmap.h"
#include "base/lock.h"

enum { PATH_ROOT_ID = 1 };

struct path_nodes {
	struct lock lock; /* RANK_LEAF */
	struct hmap by_id;
};

void path_nodes_init(struct path_nodes *n);
void path_nodes_release(struct path_nodes *n);

struct path_content {
	mode_t mode;      /* type and permissions */
	const char *text; /* a link's target, a file's bytes; or NULL */
	uint64_t size;    /* of a file without text */
};

/* What a lookup found.  False where there is no memory for it. */
bool path_nodes_enter(struct path_nodes *n, const char *path,
    const struct path_content *c, struct stat *out);
void path_nodes_forget(struct path_nodes *n, uint64_t id, uint64_t lookups);

/* False, NULL: no such node. */
bool path_nodes_stat(struct path_nodes *n, uint64_t id, struct stat *out);
char *path_nodes_path(struct path_nodes *n, uint64_t id); /* "": the root */
char *path_nodes_text(struct path_nodes *n, uint64_t id);

#endif
