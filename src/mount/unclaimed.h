/* A descriptor of a mount that the supervisor held for an earlier worker, until
 * somebody claims it by the mount's id.  What is left in the list when all who had
 * a mount have resumed it is nobody's.
 *
 * The starting thread's.
 */
#ifndef MOUNT_UNCLAIMED_H
#define MOUNT_UNCLAIMED_H

#include "supervisor/agent.h"
#include "base/list.h"

struct unclaimed {
	struct list link;
	struct held held; /* fd -1: taken out of it */
};

/* Takes its fd. */
void unclaimed_add(struct list *all, const struct held *h);
/* NULL: there is none. */
struct unclaimed *unclaimed_find(struct list *all, const char *id);
/* The mount's. */
const char *unclaimed_id(const struct unclaimed *u);
/* Closes what nobody took, and leaves the list. */
void unclaimed_free(struct unclaimed *u);

#endif
