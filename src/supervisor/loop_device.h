/* A file as a read-only block device (/dev/loopN), which ends by itself when it
 * was closed and nothing is mounted of it any more.
 */
#ifndef SUPERVISOR_LOOP_DEVICE_H
#define SUPERVISOR_LOOP_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct err;

struct loop_device {
	int fd;
	char path[24];
};

#define LOOP_DEVICE_NONE ((struct loop_device){ .fd = -1 })

/* The file stays the caller's.  is_direct: its bytes are not kept a second
 * time, and several requests are under way at once. */
int loop_device_open(struct loop_device *l, int file, bool is_direct,
    uint32_t read_ahead_kb, struct err *e);
void loop_device_close(struct loop_device *l);

#endif
