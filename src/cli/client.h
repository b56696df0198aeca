/* One connection to a daemon: layerfs/control.h, spoken from the client's end.
 *
 *	client_connect -> client_call* -> client_close
 *
 * One thread.  Everything blocks, without a limit: a mount takes as long as the
 * registry does, and whoever loses patience closes the connection, which
 * cancels what was asked for.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct client;
struct doc;
struct err;

#define AUTO_CLIENT CLEANUP(client_cleanup)

/* Connects to the socket in the folder `run`.  ECONNREFUSED: no daemon answers
 * there.  EACCES: one does that belongs to neither root nor this user, which
 * would get to see the user's credentials. */
struct client *client_connect(int run, struct err *e);
void client_close(struct client *c);

/* Sends the request with the descriptors, which stay the caller's, gives every
 * event to on_event (may be NULL) and returns the result, which has "ok": true.
 * A result that is not ok is an error with the daemon's code and message, and
 * *is_refusal is set; ECONNRESET: the daemon went away before it answered;
 * EPROTO: what it said is not the protocol. */
struct doc *client_call(struct client *c, const struct doc *request,
    const int *fds, size_t n_fds,
    void (*on_event)(void *ctx, const struct doc *event), void *ctx,
    bool *is_refusal, struct err *e);

/* A descriptor that came with the last result, in order; the caller owns it.
 * -1 when there is none left.  The next call closes what was not taken. */
int client_take_fd(struct client *c);

static inline void
client_cleanup(struct client **c)
{
	client_close(*c);
}

#endif
