/* The control socket's server (include/layerfs/control.h).  Connections live on
 * the loop; each request runs on a job thread and answers from there.
 *
 *	idle -> request running -> idle -> ... -> closed
 *
 * A connection closes when both sides let go: the client hangs up (which
 * cancels what runs) and the running request ends.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/pool.h"

#include "layerfs/control.h"

struct connection;
struct control;
struct daemon;
struct doc;
struct err;

/* A request while it runs; its functions are for the job's thread, except where
 * they say any. */
struct request {
	struct task task;
	struct daemon *daemon;
	struct connection *connection;
	const struct op *op;
	struct doc *arguments;
	int fds[LAYERFS_CONTROL_FDS]; /* -1 where taken or absent */
	size_t n_fds;
	int reply_fd; /* sent beside the result, then closed; -1: none */
};

/* One operation: a row of the table in ops.c. */
struct op {
	const char *name;
	const char *const *arguments; /* the members it knows; NULL ends */
	int (*run)(struct request *r, struct doc *result, struct err *e);
};

extern const struct op ops[];
extern const size_t n_ops;

/* `listener` is the listening socket; takes it on success. */
struct control *control_new(struct daemon *d, int listener, struct err *e);
/* No request may run any more. */
void control_free(struct control *c);

/* Sends an event; any thread.  A client that is gone or does not read for 10 s
 * loses its connection. */
void request_send_event(struct request *r, struct doc *take);

/* True when the client hung up. */
const _Atomic bool *request_is_cancelled(struct request *r);

/* The mount that is undone when the connection closes; NULL: none any more. */
void request_set_pending(struct request *r, const char *mount_id);

#endif
