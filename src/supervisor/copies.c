#include "supervisor/copies.h"

#include <string.h>
#include <sys/mount.h>

#include "supervisor/mounttable.h"
#include "base/log.h"

struct such {
	bool (*is_such)(const struct mounted *point, const char *id, void *ctx);
	void *ctx;
};

static bool
is_copy_of_such(const struct mounttable *t, const struct mounted *l,
    const char *points, const struct such *s)
{
	if (mounted_is_below(l, points))
		return false;
	for (size_t i = 0; i < t->n; i++) {
		const char *id = mounted_name_in(&t->all[i], points);

		if (id != NULL && strcmp(t->all[i].device, l->device) == 0 &&
		    s->is_such(&t->all[i], id, s->ctx))
			return true;
	}
	return false;
}

/* The newest first: one may lie on another. */
void
copies_detach(const struct mounttable *t, const char *points,
    bool (*is_such)(const struct mounted *point, const char *id, void *ctx),
    void *ctx)
{
	const struct such s = { is_such, ctx };

	for (size_t i = t->n; i > 0; i--) {
		const struct mounted *l = &t->all[i - 1];

		if (is_copy_of_such(t, l, points, &s) &&
		    umount2(l->target, MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
			log_warn("left behind: %s: %m", l->target);
	}
}
