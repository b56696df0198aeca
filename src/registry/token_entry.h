/* One entry of the tokens: between token.c, which keeps them, and
 * token_request.c, which fetches. */
#ifndef REGISTRY_TOKEN_ENTRY_H
#define REGISTRY_TOKEN_ENTRY_H

#include "registry/challenge.h"
#include "registry/token.h"
#include "net/http.h"
#include "base/bytes.h"

struct credential;

struct token_entry {
	struct hnode node;
	struct tokens *tokens;
	char *key; /* host's base, newline, repository, "\npush" or not */
	bool is_push;
	unsigned version;    /* grows when what is sent changes */
	unsigned generation; /* of the credentials it was made from */
	bool had_credential;
	struct challenge challenge;
	char *header; /* a secret; NULL: none yet, or expired */
	uint64_t expires_ns;

	/* while a token is fetched */
	bool is_fetching;
	struct list waiting;
	struct host_list *hosts;
	struct http_request request;
	struct http_tls tls;
	char *login; /* what one logs in to, for messages */
	char *url;
	char *form;
	char *basic;
	const char *headers[4];
	struct buf body;
};

/* Fetches a token for the entry's challenge; `w` and whoever came before it is
 * answered then, perhaps before it returns. */
void token_request(struct token_entry *n, struct token_wait *w);
void token_request_release(struct token_entry *n);

void token_answer_all(struct token_entry *n, const struct err *failure);

/* The registry's own name is what a person logs in to, mirrors go by theirs. */
const char *token_login_name(const struct token_wait *w);

/* "Authorization: Basic ..."; NULL when out of memory. */
char *token_basic_header(const struct credential *c);

#endif
