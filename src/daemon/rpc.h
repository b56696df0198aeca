/* The sockets that container runtimes speak gRPC to: RUN/snapshotter.sock is
 * containerd's snapshotter (runtime/service.h).
 *
 * Listening sockets and connections outlive the worker: the supervisor holds
 * them, connections as "rpc:SERIAL".  Calls that are made while no worker runs
 * wait for the next one; calls that were in flight are repeated by the client
 * at the next one, which tells the connections it inherits to close.
 *
 * For the loop's thread; methods run on a pool of their own ("rpc").
 */
#ifndef DAEMON_RPC_H
#define DAEMON_RPC_H

struct daemon;
struct err;
struct held;
struct rpc;

/* The listening socket of the snapshotter; takes it on success. */
struct rpc *rpc_new(struct daemon *d, int snapshotter, struct err *e);
/* Waits for the methods that run. */
void rpc_free(struct rpc *r);

/* A connection of an earlier worker; takes its fd. */
void rpc_adopt(struct rpc *r, const struct held *h);

/* Takes no more calls and lets those that run end, for a moment; then on_done,
 * never before this returns. */
void rpc_drain(struct rpc *r, void (*on_done)(void *ctx), void *ctx);

#endif
