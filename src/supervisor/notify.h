/* What is said to whoever started this process: sd_notify(3)'s datagrams, and
 * none where $NOTIFY_SOCKET names nobody (every call is fine then).
 *
 *	READY=1  RELOADING=1  STOPPING=1         its state
 *	FDSTORE=1 FDNAME=N FDPOLL=0 + descriptor to be given back to the next
 *	FDSTOREREMOVE=1 FDNAME=N                 not any more
 *
 * systemd gives stored descriptors to the next process of the service
 * (supervisor/activation.h), whatever ended this one.  FDPOLL=0, systemd 246:
 * it would be woken by each request of a FUSE descriptor, where it waits for
 * the end of it.
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdbool.h>

struct err;

struct notify {
	int sock;     /* -1: nobody listens */
	bool is_deaf; /* it did not take the last: the next is not waited for */
};

#define NOTIFY_NONE ((struct notify){ -1, false })

int notify_open(struct notify *n, struct err *e);
void notify_close(struct notify *n);

/* Lines, as above.  What cannot be said is logged.  Blocks for 5 s at most, and
 * where it did not help for nothing more until somebody listens again. */
void notify_say(struct notify *n, const char *lines);
void notify_reloading(struct notify *n);

/* False, and logged, where it could not be said: the descriptor ends with this
 * process.  `name`: as notify_is_name() has it. */
bool notify_store(struct notify *n, const char *name, int fd);
void notify_remove(struct notify *n, const char *name);

/* What systemd takes as FDNAME. */
bool notify_is_name(const char *name);

#endif
