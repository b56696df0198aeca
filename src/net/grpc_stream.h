/* A call's HTTP/2 stream: what the method sends becomes frames, and the call
 * ends with it.  Private to the server; loop thread only.
 *
 * Only the two functions that are deferred write to the socket; otherwise the
 * connection does, after nghttp2's callbacks.
 */
#ifndef NET_GRPC_STREAM_H
#define NET_GRPC_STREAM_H

#include "net/grpc_status.h"

struct deferred;
struct grpc_call;

/* The end as the server sees it, whatever a method thinks; the first counts. */
void grpc_stream_end(
    struct grpc_call *c, enum grpc_status status, const char *text);
/* Whoever does not speak gRPC is answered in HTTP. */
void grpc_stream_refuse(struct grpc_call *c, const char *http_status);

/* The stream is closed, by whomever: cancels what runs, frees what does not. */
void grpc_stream_close(struct grpc_call *c);

/* For loop_defer(): the method has sent something, or has ended the call. */
void grpc_stream_on_wake(struct deferred *d);
void grpc_stream_on_ended(struct deferred *d);

#endif
