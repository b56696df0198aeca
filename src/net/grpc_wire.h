/* The bytes of one HTTP/2 session: between a non-blocking socket on the loop
 * and nghttp2, which both sides of gRPC share.  Loop thread only.
 *
 * What is on its way out is bounded: a session is asked for more only when the
 * socket has taken what there was, and a peer that does not read while it makes
 * us queue frame after frame is not read from either.
 */
#ifndef NET_GRPC_WIRE_H
#define NET_GRPC_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>

#include "base/bytes.h"

struct err;
struct loop;
struct watch;

struct grpc_wire {
	int fd;
	struct watch *watch;
	nghttp2_session *session;
	struct buf out;
	size_t out_at;      /* of out, sent */
	bool is_in_session; /* nghttp2 runs, and must not be entered again */
};

/* Takes the socket and the session on success; on_ready is to call
 * grpc_wire_serve(). */
int grpc_wire_open(struct grpc_wire *w, struct loop *l, int fd,
    nghttp2_session *session, void (*on_ready)(void *ctx, uint32_t ready),
    void *ctx, struct err *e);
/* Closes the socket, for whoever holds a duplicate too, and deletes the
 * session, which calls nobody. */
void grpc_wire_close(struct grpc_wire *w);

/* Reads and writes what is possible.  -1: over, to be closed. */
int grpc_wire_serve(struct grpc_wire *w, uint32_t ready);
/* Writes what the session has; to be called after each submission outside of
 * nghttp2's callbacks, and harmless within them. */
int grpc_wire_flush(struct grpc_wire *w);

/* Tells the peer the windows and limits that both sides have. */
int grpc_wire_submit_settings(nghttp2_session *session);

#endif
