/* The mounts of this namespace, as /proc/self/mountinfo has them, the oldest
 * first.  Read without asking any file system: one may have nobody to answer.
 */
#ifndef SUPERVISOR_MOUNTTABLE_H
#define SUPERVISOR_MOUNTTABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct err;

enum { MOUNTTABLE_DEVICE_SIZE = 24, MOUNTTABLE_TYPE_SIZE = 32 };

struct mounted {
	int id;
	char device[MOUNTTABLE_DEVICE_SIZE]; /* "0:57" */
	char type[MOUNTTABLE_TYPE_SIZE];     /* "fuse.layerfs" */
	char *target;
	char *options; /* of the mount, not of its file system */
};

struct mounttable {
	struct buf text; /* the targets lie in it */
	struct mounted *all;
	size_t n;
};

/* On failure nothing needs release. */
int mounttable_read(struct mounttable *t, struct err *e);
void mounttable_release(struct mounttable *t);

/* "fuse" is "fuse.layerfs", too. */
bool mounted_is(const struct mounted *m, const char *type);
/* The name that it has in that folder, or NULL: deeper, or elsewhere. */
const char *mounted_name_in(const struct mounted *m, const char *folder);
bool mounted_is_below(const struct mounted *m, const char *folder);

#endif
