/* FUSE mounts without root: the setuid helper fusermount3 mounts and passes the
 * descriptor back over a socket (_FUSE_COMMFD).  One that does not end is given up after
 * 10 s: ETIMEDOUT. */
#ifndef SUPERVISOR_FUSERMOUNT_H
#define SUPERVISOR_FUSERMOUNT_H

#include <stdbool.h>

struct err;

/* The non-blocking FUSE descriptor, or -1.  allow_other where /etc/fuse.conf
 * lets users have it.  ENOENT when there is no fusermount3. */
int fusermount_mount(const char *target, const char *source, struct err *e);

/* EBUSY is not told apart. */
int fusermount_unmount(const char *target, bool lazy, struct err *e);

#endif
