/* What an earlier supervisor left below RUN/m, and its copies on the targets of
 * `layerfs mount`.
 *
 *	fuse, its descriptor is held   goes on being served; so does erofs, whose
 *	                               data is such a mount
 *	fuse or erofs, it is not       dead (ENOTCONN): unmounted
 *	overlayfs on top               goes on, as the worker knows of it; dead,
 *	                               too, where no descriptor is held at all
 */
#ifndef SUPERVISOR_LEFTOVER_H
#define SUPERVISOR_LEFTOVER_H

#include <stddef.h>

struct grace;
struct list;
struct mounter;

/* Takes away what is dead: everything where nothing is held.  How many mounts
 * below RUN/m those were.  Targets that had a copy of one are added to `lost`
 * (supervisor/lost.h); of a user's own daemon those that are in it and had none
 * are dropped.  NULL: at the supervisor's own end.  Blocks for seconds where
 * targets lie on file systems that do not answer: those are left behind.  What `g`
 * says is done meanwhile; its time is set here. */
size_t leftover_clean(const struct mounter *m, struct list *holds,
    struct list *lost, struct grace *g);

#endif
