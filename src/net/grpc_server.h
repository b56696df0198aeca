/* What the server's files share.  Private to the server. */
#ifndef NET_GRPC_SERVER_H
#define NET_GRPC_SERVER_H

#include "net/grpc.h"
#include "base/acceptor.h"
#include "base/list.h"
#include "base/loop.h"

struct grpc_server {
	struct loop *loop;
	struct grpc_server_options options;
	struct acceptor acceptor;
	uint64_t serial; /* of the latest connection */
	struct list connections;
	size_t n_connections;
	struct list farewells;
	struct list orphans; /* calls that run for a connection that is gone */
	size_t n_calls;

	bool is_draining; /* and on_drained is still to be called */
	void (*on_drained)(void *ctx);
	void *drained_ctx;
	struct timer *patience;
	struct deferred drained;
};

/* A connection has ended. */
void grpc_server_note_closed(struct grpc_server *s);

#endif
