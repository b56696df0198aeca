/* Connections opened before they are needed: while a start's manifest travels,
 * so that the tables and the data that it leads to find them open.
 *
 * A host that speaks HTTP/1.1 has one request a connection at a time, and a new
 * one costs a round trip.  Each is opened by asking whether there is a registry
 * (GET /v2/), which everybody may.  Over TLS nothing is done: with HTTP/2 one
 * connection carries all, and which it will be is not known before.
 */
#ifndef REGISTRY_PRECONNECT_H
#define REGISTRY_PRECONNECT_H

#include "base/list.h"

struct registry;

/* Those under way: the http thread's. */
struct preconnects {
	struct list all;
};

void preconnects_init(struct preconnects *p);
/* Abandons them; on the http thread. */
void preconnects_release(struct preconnects *p);

/* To the first host of the repository that may be asked for blobs, unless it was
 * asked within the last minute.  Any thread, returns at once.  What fails is
 * nobody's loss.  After the request that is waited for has been started: a
 * server that takes few connections at once takes that one first. */
void preconnect(
    struct registry *r, const char *namespace, const char *repository);

#endif
