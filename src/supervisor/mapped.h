/* Lower folders with the owners that a user namespace wants:
 *
 *	RUN/m/i                 0700: they show whatever a snapshot has
 *	RUN/m/i/NUMBER/PLACE    an idmapped mount (mount_setattr(2)), read only;
 *	                        for snapshot NUMBER, its PLACE-th lower folder
 *
 * They do not depend on what can be told to overlayfs or to whoever mounts it:
 * its options name them as any other folder.  A kernel must have
 *
 *	5.12, 5.15, 6.3   ext4 and xfs, btrfs, tmpfs
 *	5.19              overlayfs on top of such; EROFS
 *	6.12              FUSE, so images that EROFS does not mount
 *
 * and says EINVAL otherwise.
 *
 * For the supervisor's child processes; RUN/m is the current folder.
 */
#ifndef SUPERVISOR_MAPPED_H
#define SUPERVISOR_MAPPED_H

#include <stdint.h>

struct agent_map;
struct err;

/* `tree` is a detached copy of what is to be seen.  One that is there already,
 * of the same file system, stays.  The codes are those of agent_map_lower(). */
int mapped_make(int tree, const struct agent_map *m, struct err *e);

/* All of a snapshot; none is fine. */
int mapped_remove(uint64_t number, struct err *e);

/* Of every snapshot. */
void mapped_clean(void);

#endif
