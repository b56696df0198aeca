/* A client's call while the loop has it, and the connection it goes over.
 * Private to the client; loop thread only.
 *
 *	waiting -> on a link -> done
 *	   \---- refused, once ----/
 */
#ifndef NET_GRPC_EXCHANGE_H
#define NET_GRPC_EXCHANGE_H

#include <sys/un.h>

#include "net/grpc_client.h"
#include "net/grpc_field.h"
#include "net/grpc_message.h"
#include "net/grpc_wire.h"

struct timer;

struct grpc_client {
	struct loop *loop;
	struct sockaddr_un address;
	int (*connect)(void *ctx, int *fd, struct err *e); /* NULL: to that */
	void *connect_ctx;
	struct grpc_link *link; /* for new calls; NULL: connect first */
	struct list links;      /* also those that the server wants to end */
	struct list waiting;    /* to be sent, after nghttp2's callbacks */
};

/* --- grpc_client.c --- */

/* Not from within nghttp2's callbacks. */
void grpc_client_send_waiting(struct grpc_client *c);

/* A connection. */
struct grpc_link {
	struct grpc_client *client;
	struct list link; /* in the client's */
	struct grpc_wire wire;
	struct list exchanges;
};

struct grpc_exchange {
	struct list link; /* in a link's, or waiting */
	struct grpc_client_call *call;
	struct grpc_link *on; /* NULL: waiting */
	int32_t stream;
	struct timer *deadline;
	bool is_again; /* it was refused before */
	uint8_t prefix[GRPC_PREFIX_BYTES];
	size_t sent; /* of prefix and message */

	/* the answer */
	struct grpc_message message;
	int http_status;
	int status; /* -1: none yet */
	char text[LIMIT_GRPC_STATUS_BYTES + 1];
};

/* --- grpc_link.c --- */

/* Connects, and becomes the client's. */
struct grpc_link *grpc_link_open(struct grpc_client *c, struct err *e);
/* What is on it has no answer. */
void grpc_link_close(struct grpc_link *k);
/* Writes what was submitted, or closes it. */
void grpc_link_flush(struct grpc_link *k);

/* --- grpc_exchange.c --- */

/* Submits the request.  EAGAIN: this link takes no more. */
int grpc_exchange_submit(
    struct grpc_exchange *x, struct grpc_link *k, struct err *e);
/* Frees it, and calls on_done.  Resets the stream if it is open. */
void grpc_exchange_end(
    struct grpc_exchange *x, enum grpc_status status, const char *text);

/* What nghttp2 says of its stream. */
void grpc_exchange_add_header(struct grpc_exchange *x, const uint8_t *name,
    size_t n_name, const uint8_t *value, size_t n_value);
void grpc_exchange_add_data(
    struct grpc_exchange *x, const uint8_t *p, size_t n);
void grpc_exchange_on_closed(struct grpc_exchange *x, uint32_t code);

#endif
