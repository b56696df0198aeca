/* What to send as Authorization: one entry for each host, repository, and
 * whether it is to be written to.  Who may only read is refused a token for
 * both by some; reading must not suffer from that.
 *
 *	           get               challenged (401)
 *	 unknown   anonymous         -> Basic, or -> fetching
 *	 Basic     the password      -> EACCES: it was wrong
 *	 fetching  waits             waits
 *	 Bearer    the token, or -> fetching when it is about to expire
 *	                             -> fetching, once for all who wait
 *
 * On the http thread alone, but for credentials, which come through the
 * registry's lock.  A token is fetched once however many wait for it.
 */
#ifndef REGISTRY_TOKEN_H
#define REGISTRY_TOKEN_H

#include <stdbool.h>

#include "base/hmap.h"
#include "base/list.h"

struct err;
struct host;
struct host_list;
struct http_head;
struct registry;

struct tokens {
	struct registry *registry;
	struct hmap map;
};

void tokens_init(struct tokens *t, struct registry *r);
/* Nobody may wait. */
void tokens_release(struct tokens *t);

struct token_wait {
	/* set by the caller; stays until on_ready or token_cancel() */
	struct host_list *hosts;
	const struct host *host;
	const char *repository;
	bool is_push;

	/* `header` is "Authorization: ...", or NULL for anonymous; borrowed for
	 * the call. EAGAIN: the token server failed; EACCES: it refused. */
	void (*on_ready)(struct token_wait *w, const char *header,
	    const struct err *failure);

	/* private; list_init(&link) before first use */
	struct list link;
	unsigned version; /* of the entry, as on_ready saw it */
	bool had_credential;
};

/* on_ready may come before it returns. */
void token_get(struct tokens *t, struct token_wait *w);

/* The answer to what on_ready gave was 401.  0: call token_get() again. EACCES:
 * there is nothing better to send; ENOTSUP: it asks for neither Basic nor
 * Bearer. */
int token_challenged(struct tokens *t, struct token_wait *w,
    const struct http_head *head, struct err *e);

/* No on_ready will come; harmless when none is due. */
void token_cancel(struct token_wait *w);

/* A token server's answer; pure.  *token is allocated. */
int token_parse(const char *json, size_t n, char **token, unsigned *expires_s,
    struct err *e);

#endif
