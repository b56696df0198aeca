/* A gRPC server: HTTP/2 on a listening unix socket, methods that take one
 * message and answer with one, with a stream of them, or with a status alone.
 * It knows no message: requests and replies are bytes.
 *
 * Everything of the wire happens on the loop's thread.  A method runs on a
 * thread of the pool once its request has arrived whole, and may block there;
 * the rest of its connection goes on meanwhile.
 *
 *	loop thread    grpc_server_*
 *	any thread     grpc_call_*, which take a lock of RANK_LEAF
 *
 * A call lives so:
 *
 *	request arrives -> run() -> grpc_call_send()* -> reply or finish
 *
 * It is ended exactly once, by grpc_call_reply() or grpc_call_finish(), in
 *run() or later on any thread; all that is pointed at is valid until then, and
 * the call must not be touched after.  A peer that cancels, hangs up or whose
 * deadline passes does not end the call: grpc_call_is_cancelled() says so, what
 * is sent is dropped, and the method is to end it soon.
 *
 * A call whose peer is gone before a thread was free never runs.  A request is
 * wiped when its call has ended: it may carry a secret.
 *
 * What a peer can make us hold is capped (base/limits.h, LIMIT_GRPC_*):
 * messages past it are answered with RESOURCE_EXHAUSTED, a call too many is
 * refused before it begins (REFUSED_STREAM), a connection too many is closed,
 * and so is one that does not open as HTTP/2 within 5 s.
 *
 * Specification: grpc/grpc doc/PROTOCOL-HTTP2.md; RFC 9113.
 */
#ifndef NET_GRPC_H
#define NET_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/grpc_status.h"

struct err;
struct grpc_call;
struct grpc_server;
struct loop;
struct pool;

/* A header field of the caller's own ("traceparent"): none of HTTP's, nor of
 * gRPC's.  The name is lower case, the value printable. */
struct grpc_field {
	const char *name;
	const char *value;
};

struct grpc_method {
	const char
	    *path; /* "/containerd.services.snapshots.v1.Snapshots/Stat" */
	void (*run)(void *ctx, struct grpc_call *c);
};

/* What is pointed at must outlive the server. */
struct grpc_server_options {
	const struct grpc_method *methods;
	size_t n_methods;
	/* Any other path; NULL: UNIMPLEMENTED. */
	void (*otherwise)(void *ctx, struct grpc_call *c);
	/* NULL: methods run on the loop's thread and must not block. */
	struct pool *pool;
	/* Whether who connected may speak; NULL: everybody may.  On failure it
	 * is hung up on; it is not logged here. */
	int (*admit)(void *ctx, int fd, struct err *e);
	/* A connection can outlive this process: whoever is to hold its
	 * descriptor is told of it here, on the loop's thread.  `serial` is
	 * never used again, not by a later process either (until a reboot).
	 * Both may be NULL. */
	void (*on_open)(void *ctx, uint64_t serial, int fd);
	void (*on_close)(void *ctx, uint64_t serial);
	/* In place of on_open(), of one that was just accepted: true where whoever
	 * is to hold it does, and has said the empty SETTINGS.  A process that is
	 * killed between the two keeps no peer waiting then.  NULL: nobody does. */
	bool (*greet)(void *ctx, uint64_t serial, int fd);
	void *ctx; /* of all of these */
};

/* Accepts on `listener`, which it takes on success.  Copies *o. */
struct grpc_server *grpc_server_new(struct loop *l, int listener,
    const struct grpc_server_options *o, struct err *e);

/* A connection of an earlier process, which died with calls in flight: tells
 * the peer that none of its calls was begun, and to go elsewhere, so that
 * clients that know how (grpc-go, the C core) repeat them on a new connection
 * without their caller noticing.  Takes fd; whoever held it may let go at
 * once.  Methods must therefore bear to be run twice.
 *
 * Where the earlier process died within a frame, the peer waits for the rest
 * until the connection is closed, 1 s later, and its calls fail.  Frames leave
 * whole, so that is where the socket was full: the peer had stopped reading
 * while more than its buffer holds was to be said. */
void grpc_server_adopt(struct grpc_server *s, int fd);

/* A connection that somebody accepted while nobody served, to which an empty
 * SETTINGS was said and of which nothing was read: it is served as one that is
 * accepted here, admission and on_open() included.  Takes fd.  `serial` is what
 * it is held as already; where it is hung up on at once, on_close() says so. */
void grpc_server_take_greeted(struct grpc_server *s, int fd, uint64_t serial);

/* Accepts no more (what connects now waits for the next process), tells every
 * peer to go elsewhere, and lets the calls that run end.  on_done is called
 * once, never before this returns: when all have been answered, or after
 * patience_ms.  A peer that does not read holds it no longer than that. */
void grpc_server_drain(struct grpc_server *s, uint32_t patience_ms,
    void (*on_done)(void *ctx), void *ctx);

/* Closes all connections.  No method may run any more, and what was ended must
 * not be on its way: the pool is freed, or every call was ended before the
 * loop last ran.  NULL is fine. */
void grpc_server_free(struct grpc_server *s);

/* --- calls --- */

const char *grpc_call_path(const struct grpc_call *c);
/* The message of the request, *n <= LIMIT_GRPC_MESSAGE_BYTES. */
const uint8_t *grpc_call_request(const struct grpc_call *c, size_t *n);
/* What the caller sent beside it, in order; what did not fit into
 * LIMIT_GRPC_METADATA_BYTES is left out. */
const struct grpc_field *grpc_call_metadata(
    const struct grpc_call *c, size_t *n);
/* When the caller stops waiting, in monotonic time; 0: never. */
uint64_t grpc_call_deadline_ns(const struct grpc_call *c);

/* Nobody waits for the answer any more. */
bool grpc_call_is_cancelled(const struct grpc_call *c);
/* on_cancel is called on the loop's thread, once, when nobody waits any more;
 * not after the call was ended, but while another thread ends it it may be.
 * False: it is cancelled already, and on_cancel is not called. */
bool grpc_call_on_cancel(
    struct grpc_call *c, void (*on_cancel)(void *ctx), void *ctx);

/* One message of a stream.  Returns at once while less than
 * LIMIT_GRPC_QUEUE_BYTES wait for the peer; then blocks, so not for the loop's
 * thread.  ECANCELED: nobody waits, or the peer took nothing for 10 s and the
 * call was cancelled for it.  E2BIG, ENOMEM: not sent. */
int grpc_call_send(struct grpc_call *c, const void *p, size_t n, struct err *e);

/* The one message of the answer, and OK.  A message past the limit is answered
 * with RESOURCE_EXHAUSTED.  Never blocks. */
void grpc_call_reply(struct grpc_call *c, const void *p, size_t n);

/* The end, with no further message.  `text` is for people, may be anything, and
 * is cut at LIMIT_GRPC_STATUS_BYTES; NULL: none. */
void grpc_call_finish(
    struct grpc_call *c, enum grpc_status status, const char *text);

#endif
