/* The sockets that container runtimes speak gRPC to:
 *
 *	RUN/snapshotter.sock  containerd's snapshotter (runtime/service.h)
 *	RUN/cri.sock          kubelet's image service, forwarded to containerd
 *	                      (runtime/cri_proxy.h), where the configuration
 *	                      says so: then layerfs knows its credentials
 *
 * Listening sockets and connections outlive the worker: the supervisor holds
 * them, connections as "rpc:SERIAL" and "cri:SERIAL".  Calls that are made
 * while no worker runs wait for the next one, and who connects meanwhile is
 * greeted (supervisor/greeter.h); calls that were in flight are
 * repeated by the client at the next one, which tells the connections it
 * inherits to close.
 *
 * For the loop's thread; methods run on a pool of their own ("rpc").
 */
#ifndef DAEMON_RPC_H
#define DAEMON_RPC_H

#include <stdbool.h>

struct daemon;
struct err;
struct held;
struct rpc;

/* Takes the listening sockets, leaving -1; one for the CRI that is not
 * configured stays. */
struct rpc *rpc_new(
    struct daemon *d, int *snapshotter, int *cri, struct err *e);
/* Waits for the methods that run; the loop runs no more. */
void rpc_free(struct rpc *r);

/* What an earlier worker held that is a connection of ours. */
bool rpc_is_connection(const struct held *h);
/* Takes its fd. */
void rpc_adopt(struct rpc *r, const struct held *h);
/* Those that connected before this worker was ready; then the loop is to run. */
void rpc_take_greeted(struct rpc *r);

/* Takes no more calls and lets those that run end, for a moment; then on_done,
 * never before this returns.  Once. */
void rpc_drain(struct rpc *r, void (*on_done)(void *ctx), void *ctx);

#endif
