#include "mount/unclaimed.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
unclaimed_add(struct list *all, const struct held *h)
{
	struct unclaimed *u = calloc(1, sizeof *u);

	if (u == NULL) {
		close(h->fd);
		return;
	}
	u->held = *h;
	list_push_back(all, &u->link);
}

/* Of "KIND:ID". */
const char *
unclaimed_id(const struct unclaimed *u)
{
	return u->held.name + strcspn(u->held.name, ":") + 1;
}

struct unclaimed *
unclaimed_find(struct list *all, const char *id)
{
	list_for_each(l, all) {
		struct unclaimed *u = list_entry(l, struct unclaimed, link);

		if (strcmp(unclaimed_id(u), id) == 0)
			return u;
	}
	return NULL;
}

void
unclaimed_free(struct unclaimed *u)
{
	list_remove(&u->link);
	if (u->held.fd >= 0)
		close(u->held.fd);
	free(u);
}
