/* Whether the kernel's EROFS does here what mounts need of it, by doing it: a
 * small index is mounted with its data served by this process, read, and lies
 * below an overlayfs and that below another (supervisor/erofs.h).  All of it is
 * gone afterwards.
 */
#ifndef MOUNT_TRIAL_H
#define MOUNT_TRIAL_H

#include <stdbool.h>

struct err;
struct mount_server;

/* Its threads must serve already.  Takes some milliseconds. */
int trial_run(struct mount_server *s, bool by_loop_devices, struct err *e);

#endif
