/* A call, as the loop and the method that serves it share it.  Private to the
 * server.
 *
 *	receiving --whole--> running --ended--> answered --stream closed--> freed
 *	    \--refused or gone--> freed   \--gone--> orphan --ended--> freed
 *
 * The loop frees it, once its stream is closed and no method has it any more;
 * the method's last touch is deferring `ended`.
 */
#ifndef NET_GRPC_CALL_H
#define NET_GRPC_CALL_H

#include <stdatomic.h>

#include "net/grpc.h"
#include "net/grpc_field.h"
#include "net/grpc_message.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/loop.h"
#include "base/pool.h"

struct grpc_connection;

/* A message on its way to the peer. */
struct grpc_piece {
	struct list link;
	size_t n;
	size_t at; /* what the session has taken */
	uint8_t bytes[];
};

/* How a call ends; the text is the holder's. */
struct grpc_end {
	enum grpc_status status;
	char *text;
};

struct grpc_call {
	struct grpc_server *server;
	struct loop *loop;

	/* set by the loop before the method runs */
	char *path;
	struct grpc_message request;
	struct grpc_fields metadata;
	uint64_t deadline_ns;
	void (*run)(void *ctx, struct grpc_call *c);
	void *ctx;
	struct task task;

	atomic_bool is_cancelled;

	/* the method's until it defers `ended`, then the loop's */
	struct grpc_end verdict;
	struct deferred ended;

	/* the loop's */
	struct list link;                   /* in its connection, or orphan */
	struct grpc_connection *connection; /* NULL: closed */
	int32_t stream;                     /* 0: closed */
	struct timer *deadline;
	size_t header_bytes;
	bool is_post, is_grpc, has_bad_timeout;
	bool is_received;  /* the peer sends no more */
	bool is_running;   /* a method has it */
	bool is_answering; /* the answer's headers are submitted */
	bool is_over;      /* after the outbox comes `end` */
	struct grpc_end end;
	struct list outbox;

	struct lock lock;
	/* guarded by lock */
	struct cond room;
	struct list inbox;   /* from the method to the loop */
	size_t queued_bytes; /* what the session has not taken of all pieces */
	bool is_waking;
	struct deferred wake;
	void (*on_cancel)(void *ctx);
	void *cancel_ctx;
};

/* NULL: no memory. */
struct grpc_call *grpc_call_new(struct grpc_server *s, struct loop *l);
void grpc_call_free(struct grpc_call *c);

/* --- for the loop --- */

/* Has it run by the pool, or here and now where there is none. */
void grpc_call_start(struct grpc_call *c, struct pool *p);
/* Nobody waits for its answer any more: tells the method. */
void grpc_call_cancel(struct grpc_call *c);
/* What the method has sent since; its bytes. */
size_t grpc_call_take_sent(struct grpc_call *c, struct list *to);
/* So much of it was taken or dropped. */
void grpc_call_make_room(struct grpc_call *c, size_t n);

#endif
