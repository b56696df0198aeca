/* One peer: a socket, its HTTP/2 session, its calls.  Private to the server;
 * loop thread only.
 */
#ifndef NET_GRPC_CONNECTION_H
#define NET_GRPC_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/grpc_wire.h"
#include "base/list.h"

struct err;
struct grpc_server;
struct timer;

struct grpc_connection {
	struct grpc_server *server;
	struct list link; /* in the server's */
	uint64_t serial;
	struct grpc_wire wire;
	struct timer *handshake; /* NULL once it opened as HTTP/2 */
	struct list calls;       /* also those whose stream is closed */
	size_t n_calls;
	size_t held_bytes; /* messages of its calls, both ways */
};

/* Takes fd, non-blocking, on success; appears in the server's list. */
struct grpc_connection *grpc_connection_open(
    struct grpc_server *s, int fd, struct err *e);
/* The same of one whose peer was told an empty SETTINGS, and which has a serial
 * already: the server's next ones are above it. */
struct grpc_connection *grpc_connection_open_greeted(
    struct grpc_server *s, int fd, uint64_t serial, struct err *e);
/* Cancels its calls; those that run become the server's orphans. */
void grpc_connection_close(struct grpc_connection *k);

/* Writes what was submitted, or closes it. */
void grpc_connection_flush(struct grpc_connection *k);
/* No new calls; it closes itself when the last has been answered. */
void grpc_connection_drain(struct grpc_connection *k);

#endif
