/* Targets of `layerfs mount` whose mount died with an earlier supervisor, because
 * nobody had kept its descriptors: the worker mounts the same again, and here it
 * is put where it was.
 *
 *	found dead and detached (leftover.h) -> lost -> put back, once
 *
 * The worker may name only a target that is lost: it could otherwise have its
 * tree mounted over whatever it likes.  The folder is opened as soon as the dead mount is
 * away, by the kernel's own name of it and through no link; options that
 * took rights away (nosuid and the like) are the ones that the dead one had.
 *
 * What was written over a mount is in ROOT/upper/ID, where ID was its overlay's, or
 * where a note there says (supervisor/elsewhere.h): it stays as long as that is lost
 * here, and is what the next overlay writes to.
 *
 * Owned by the supervisor's one thread.
 */
#ifndef SUPERVISOR_LOST_H
#define SUPERVISOR_LOST_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/agent.h"
#include "base/list.h"

struct err;
struct grace;

struct lost {
	struct list link;
	char *target;
	int folder; /* -1: not open yet, or of a user's own daemon, which
		       mounts by path */
	uint64_t attributes;            /* MOUNT_ATTR_ */
	char overlay[AGENT_ID_MAX + 1]; /* what it was a copy of; "": nothing
					   was written over it */
	bool is_elsewhere; /* what was written, in folders that were given */
};

/* `options` as in /proc/self/mountinfo; `overlay` is an id or NULL. */
void lost_add(struct list *all, const char *target, const char *options,
    const char *overlay);

/* Once all dead mounts were taken away: one may lie on another.  Blocks as
 * dead_target_open() does.  Whose folder cannot be had is dropped, and logged. */
void lost_open_folders(struct list *all, struct grace *g);

/* NULL: no such mount was lost there; overlay "": one that nothing was written over. */
struct lost *lost_find(
    struct list *all, const char *target, const char *overlay);
struct lost *lost_find_overlay(struct list *all, const char *id);
void lost_drop(struct lost *l);
/* And every other copy of the same overlay. */
void lost_drop_with_overlay(struct list *all, struct lost *l);
void lost_drop_all(struct list *all);

/* Puts a detached mount on it. */
int lost_put_back(int mount, int folder, uint64_t attributes, struct err *e);

#endif
