/* The insides of a registry client, for the files of this folder.
 *
 *	race.c       a read of a blob: an exchange, or two where one is slow
 *	exchange.c   one question to a registry: hosts, tries, redirects
 *	turn.c       which host is asked
 *	token.c      what to send as Authorization
 *	origins.c    what was learnt of servers
 *	redirects.c  where blobs were redirected to
 *	preconnect.c connections opened before they are needed
 *
 * All of them live on the http thread.  Callers' threads reach what is guarded by
 * the lock, and start exchanges.
 */
#ifndef REGISTRY_CLIENT_H
#define REGISTRY_CLIENT_H

#include "registry/credentials.h"
#include "registry/hosts.h"
#include "registry/hosts_dir.h"
#include "registry/origins.h"
#include "registry/preconnect.h"
#include "registry/redirects.h"
#include "registry/reference.h"
#include "registry/referrers_memory.h"
#include "registry/registry.h"
#include "registry/token.h"
#include "net/http.h"
#include "base/lock.h"

struct registry {
	struct http *http;
	uint32_t max_retries;
	uint32_t max_connections; /* of one host */

	/* the http thread's */
	struct tokens tokens;
	struct origins origins;
	struct redirects redirects;
	struct preconnects preconnects;
	uint64_t jitter;       /* the last random number */
	uint32_t hedge_credit; /* race.c */

	struct lock lock; /* RANK_SOURCE */
	/* guarded by lock */
	struct hosts_dir hosts;
	struct credentials credentials;
	struct referrers_memory referrers;
};

/* Any thread. */
struct host_list *registry_get_hosts(struct registry *r, const char *namespace,
    const char *repository, struct err *e);
int registry_find_credential(struct registry *r, const char *host,
    const char *repository, struct credential *out, bool *found,
    unsigned *generation, struct err *e);
unsigned registry_credential_generation(struct registry *r);
enum referrers_api registry_referrers_api(struct registry *r, const char *host);
void registry_note_referrers_api(
    struct registry *r, const char *host, enum referrers_api api);

#endif
