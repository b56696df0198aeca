#include "supervisor/copies.h"

#include <string.h>

#include "supervisor/dead_target.h"
#include "supervisor/lost.h"
#include "supervisor/mounttable.h"
#include "base/err.h"
#include "base/log.h"

/* What it is a copy of, or NULL: of no such mount. */
static const struct mounted *
find_point(const struct copies *c, const struct mounted *l)
{
	const struct mounttable *t = c->table;

	if (mounted_is_below(l, c->points))
		return NULL;
	for (size_t i = 0; i < t->n; i++) {
		const char *id = mounted_name_in(&t->all[i], c->points);

		if (id != NULL && strcmp(t->all[i].device, l->device) == 0 &&
		    c->is_such(&t->all[i], id, c->ctx))
			return &t->all[i];
	}
	return NULL;
}

static void
detach(const struct mounted *l, struct grace *g, const char *overlay,
    struct list *lost)
{
	struct err e;

	if (dead_target_unmount(l->target, l->id, g, &e) != 0)
		log_warn("left behind: %s", e.msg);
	else if (lost != NULL)
		lost_add(lost, l->target, l->options, overlay);
}

/* The newest first: one may lie on another. */
void
copies_detach(const struct copies *c, struct grace *g, struct list *lost)
{
	for (size_t i = c->table->n; i > 0; i--) {
		const struct mounted *l = &c->table->all[i - 1];
		const struct mounted *p = find_point(c, l);

		if (p != NULL)
			detach(l, g,
			    mounted_is(p, "overlay")
				? mounted_name_in(p, c->points)
				: NULL,
			    lost);
	}
}
