/* The descriptors that the supervisor holds for the worker's next life, in the
 * order in which they were first held.  Owned by the supervisor's one thread.
 */
#ifndef SUPERVISOR_HOLD_H
#define SUPERVISOR_HOLD_H

#include "supervisor/agent.h"
#include "base/list.h"

/* As many as systemd's store takes (layerfsd.service). */
enum { HOLDS_MAX = 16384 };

struct held_fd {
	struct list link;
	struct held h;
	uint32_t serial; /* from 1, rising along the list */
	char *target;    /* "fuse:ID" mounted outside RUN/m, else NULL */
};

/* Takes fd.  Replaces what has the name; keeps its place and target.  EMFILE: there
 * are HOLDS_MAX. */
int hold_put(struct list *holds, const char *name, int fd, const void *payload,
    size_t payload_len, struct err *e);
/* The same with a duplicate of fd, and no payload. */
int hold_put_copy(struct list *holds, const char *name, int fd, struct err *e);
/* What an earlier supervisor had held: takes *f, which is malloc's, and its
 * descriptor; it comes where its serial says. */
void hold_restore(struct list *holds, struct held_fd *f);
/* Closes; absent is fine. */
void hold_drop(struct list *holds, const char *name);
void hold_drop_all(struct list *holds);
struct held_fd *hold_find(struct list *holds, const char *name);
/* The first with a greater serial, or NULL. */
struct held_fd *hold_after(struct list *holds, uint32_t serial);

#endif
