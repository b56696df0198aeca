/* A gRPC client for one unix socket: calls of one message each way, many in
 * flight over one connection.  It connects when there is a call to send and no
 * connection, so a server that comes back is found again by the next call.
 *
 *	any thread     grpc_client_send
 *	loop thread    everything else, and every on_done
 *
 * A call is embedded in what it serves and belongs to this noun from
 * grpc_client_send() until its on_done.  One that the server says it has not
 * begun (GOAWAY, REFUSED_STREAM) is sent once more, over a new connection.
 */
#ifndef NET_GRPC_CLIENT_H
#define NET_GRPC_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/grpc.h"
#include "base/list.h"
#include "base/loop.h"

struct grpc_client;
struct grpc_exchange;

struct grpc_answer {
	enum grpc_status status;
	const char *text; /* for people; "" when none */
	const uint8_t *message;
	size_t n; /* 0 unless status is GRPC_OK */
};

struct grpc_client_call {
	/* set by the caller; what is pointed at stays until on_done */
	const char *path;
	const struct grpc_field *metadata;
	size_t n_metadata;
	const void *message;
	size_t n;
	uint64_t deadline_ns; /* monotonic; 0: none */
	/* Exactly once; *a is valid only in it.  The call may be freed or sent
	 * again here.  Where no answer came: GRPC_UNAVAILABLE (no connection,
	 * or it broke), GRPC_DEADLINE_EXCEEDED, GRPC_CANCELLED,
	 * GRPC_RESOURCE_EXHAUSTED (a message past LIMIT_GRPC_MESSAGE_BYTES),
	 * GRPC_INTERNAL (what came is no gRPC). */
	void (*on_done)(
	    struct grpc_client_call *c, const struct grpc_answer *a);

	/* private; zero before the first use */
	struct grpc_client *client;
	struct deferred start;
	atomic_bool is_cancelled;
	struct grpc_exchange *exchange; /* the loop's; NULL: not on the wire */
};

/* Does not connect yet.  ENAMETOOLONG, ENOMEM. */
struct grpc_client *grpc_client_new(
    struct loop *l, const char *path, struct err *e);
/* Connections are made so, where this process may not connect itself: a
 * connected socket that does not block, on the loop's thread; before the first
 * call. */
void grpc_client_set_connect(struct grpc_client *c,
    int (*connect)(void *ctx, int *fd, struct err *e), void *ctx);
/* Ends what is in flight with GRPC_UNAVAILABLE.  No call may be on its way from
 * another thread.  NULL is fine. */
void grpc_client_free(struct grpc_client *c);

/* on_done never comes before it returns, if called on the loop's thread. */
void grpc_client_send(struct grpc_client *c, struct grpc_client_call *call);
/* Ends the call with GRPC_CANCELLED and tells the server; on_done comes before
 * it returns, or, where the call has not come from its thread yet, later. */
void grpc_client_cancel(struct grpc_client_call *call);

#endif
