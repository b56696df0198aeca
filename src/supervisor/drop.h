/* Whose process the worker is, and how it becomes that. */
#ifndef SUPERVISOR_DROP_H
#define SUPERVISOR_DROP_H

#include <stdbool.h>
#include <sys/types.h>

struct err;

struct account {
	bool is_root;    /* this process: may mount */
	bool in_user_ns; /* root of a user namespace only */
	bool is_changed; /* the worker runs as uid:gid; else as we do */
	uid_t uid;
	gid_t gid;
};

/* Opens ROOT, made when it is missing, and decides who the worker is: not root,
 * or root of a user namespace: as we are.  Root: the owner of ROOT; a new or
 * empty ROOT is given to `user` (NULL: "layerfs", else "nobody" with a
 * warning). EACCES for a ROOT in use that belongs to root, or to another user than
 * its contents.  Returns its descriptor. */
int account_open_root(
    struct account *a, const char *root, const char *user, struct err *e);

/* In the child, before exec: becomes the account, for good: no capabilities, no
 * way to gain any. */
int account_become(const struct account *a, struct err *e);

#endif
