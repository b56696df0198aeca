/* The folder where a mount is seen: its absolute name, what is mounted there,
 * putting a detached mount in place and taking it away.
 *
 * It may lie on a file system that does not answer: whatever walks there by its name,
 * but target_absolute(), does so by a child process (base/scout.h) and is ETIMEDOUT
 * after ten seconds.
 */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

struct err;

/* The absolute name, without links.  Works for what does not exist, or cannot
 * be asked because the file system on it is dead: then the nearest folder that
 * does is resolved and the last part kept as it is written. */
int target_absolute(
    const char *text, char path[LIMIT_PATH_BYTES], struct err *e);

/* An existing folder: its absolute name and a descriptor that names it
 * (O_PATH).  ENOENT and ENOTDIR say so. */
int target_open(const char *text, char path[LIMIT_PATH_BYTES], struct err *e);

/* Where the text leads now. */
struct target {
	char path[LIMIT_PATH_BYTES]; /* target_absolute() */
	uint64_t
	    mount; /* its number in /proc/self/mountinfo, that lies on top */
	int code;  /* errno: the mount cannot be looked at; or 0 */
};
int target_find(const char *text, struct target *t, struct err *e);

/* The MOUNT_ATTR_ bits of a list such as "nosuid,nodev"; EINVAL. */
int target_parse_options(const char *list, uint64_t *attributes, struct err *e);

/* Takes rights from the detached mount before anybody can see it. */
int target_restrict(int mount, uint64_t attributes, struct err *e);

/* Moves the detached mount onto the folder. */
int target_attach(int target, int mount, struct err *e);

/* Takes that away again, whoever uses it. */
int target_withdraw(int mount, struct err *e);

/* umount(2), not following links; one in use is tried for a second.  EBUSY,
 * EPERM and EINVAL (nothing is mounted there) are told apart. */
int target_detach(const struct target *t, bool lazy, struct err *e);

/* What is mounted on the folder itself. */
enum target_state {
	TARGET_EMPTY,   /* nothing */
	TARGET_FOREIGN, /* not a layerfs mount */
	TARGET_OURS,
};
int target_state(
    const struct target *t, enum target_state *state, struct err *e);

/* The pure part of it: what the mount with this id is, in the text of
 * /proc/self/mountinfo; TARGET_EMPTY unless it is mounted exactly on path. */
enum target_state target_state_in(
    const char *mountinfo, uint64_t id, const char *path);

#endif
