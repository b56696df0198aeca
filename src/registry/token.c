#include "registry/token.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/challenge.h"
#include "registry/client.h"
#include "registry/secret.h"
#include "registry/token_entry.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"

enum { MAX_ENTRIES = 4096 };

/* ---- entries ---- */

void
tokens_init(struct tokens *t, struct registry *r)
{
	*t = (struct tokens){ .registry = r, .map = HMAP_INIT };
}

static void
forget(struct token_entry *n)
{
	challenge_release(&n->challenge);
	secret_free(take_ptr(&n->header));
	n->version++;
}

static void
entry_free(struct token_entry *n)
{
	if (n->is_fetching)
		http_abandon(&n->request);
	forget(n);
	token_request_release(n);
	free(n->key);
	free(n);
}

void
tokens_release(struct tokens *t)
{
	struct hnode *h;

	while ((h = hmap_any(&t->map)) != NULL) {
		struct token_entry *n =
		    container_of(h, struct token_entry, node);

		assert(list_is_empty(&n->waiting));
		hmap_remove(&t->map, h);
		entry_free(n);
	}
	hmap_release(&t->map);
}

static struct token_entry *
entry_new(struct tokens *t, char *take_key, uint64_t hash)
{
	struct token_entry *n = calloc(1, sizeof *n);

	if (n == NULL)
		return NULL;
	n->tokens = t;
	n->key = take_key;
	list_init(&n->waiting);
	buf_init(&n->body, LIMIT_TOKEN_BYTES);
	hmap_insert(&t->map, &n->node, hash);
	return n;
}

/* Room for one more: any that nobody waits for may be fetched again. */
static void
make_room(struct tokens *t)
{
	if (t->map.count < MAX_ENTRIES)
		return;
	hmap_for_each(&t->map, h) {
		struct token_entry *n =
		    container_of(h, struct token_entry, node);

		if (n->is_fetching)
			continue;
		hmap_remove(&t->map, h);
		entry_free(n);
		return;
	}
}

static struct token_entry *
get_entry(struct tokens *t, const struct token_wait *w)
{
	AUTO_FREE char *key = NULL;
	struct token_entry *n;
	uint64_t hash;

	if (asprintf(&key, "%s\n%s%s", w->host->base, w->repository,
		w->is_push ? "\npush" : "") < 0) {
		key = NULL;
		return NULL;
	}
	hash = hash_bytes(key, strlen(key), 0);
	hmap_for_each_match(&t->map, hash, h) {
		n = container_of(h, struct token_entry, node);
		if (strcmp(n->key, key) == 0)
			return n;
	}
	make_room(t);
	n = entry_new(t, key, hash);
	if (n == NULL)
		return NULL;
	key = NULL;
	n->is_push = w->is_push;
	return n;
}

const char *
token_login_name(const struct token_wait *w)
{
	return w->host->is_proxy ? w->host->authority : w->hosts->namespace;
}

/* ---- answering those who wait ---- */

static void
answer(struct token_entry *n, struct token_wait *w, const struct err *failure)
{
	w->version = n->version;
	w->had_credential = n->had_credential;
	w->on_ready(w, failure == NULL ? n->header : NULL, failure);
}

void
token_answer_all(struct token_entry *n, const struct err *failure)
{
	struct list due, *l;

	list_init(&due);
	list_take_all(&due, &n->waiting);
	while ((l = list_pop_front(&due)) != NULL)
		answer(n, list_entry(l, struct token_wait, link), failure);
}

/* ---- the public face ---- */

static int
no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "a token request");
}

/* Other credentials were given since: all that was made of the old ones goes.
 */
static void
check_generation(struct token_entry *n)
{
	unsigned now = registry_credential_generation(n->tokens->registry);

	if (n->generation == now || n->is_fetching)
		return;
	n->generation = now;
	secret_free(take_ptr(&n->header));
	n->expires_ns = 0;
	if (n->challenge.scheme == CHALLENGE_BASIC)
		forget(n);
	n->version++;
}

void
token_get(struct tokens *t, struct token_wait *w)
{
	struct token_entry *n = get_entry(t, w);
	struct err e = ERR_INIT;

	if (n == NULL) {
		no_memory(&e);
		w->on_ready(w, NULL, &e);
		return;
	}
	check_generation(n);
	if (n->challenge.scheme == CHALLENGE_BEARER &&
	    (n->is_fetching || n->header == NULL ||
		clock_now_ns() >= n->expires_ns))
		token_request(n, w);
	else
		answer(n, w, NULL);
}

static int
use_basic(struct token_entry *n, const struct token_wait *w, struct err *e)
{
	CLEANUP(credential_release) struct credential c = { 0 };

	if (registry_find_credential(n->tokens->registry, token_login_name(w),
		w->repository, &c, &n->had_credential, &n->generation, e) < 0)
		return -1;
	if (!n->had_credential || c.username == NULL)
		return err_set(e, EACCES, "it asks for a login");
	n->header = token_basic_header(&c);
	return n->header == NULL ? no_memory(e) : 0;
}

int
token_challenged(struct tokens *t, struct token_wait *w,
    const struct http_head *head, struct err *e)
{
	struct token_entry *n = get_entry(t, w);
	struct challenge c;

	if (n == NULL)
		return no_memory(e);
	if (n->is_fetching || n->version != w->version)
		return 0; /* somebody else was faster */
	if (n->challenge.scheme == CHALLENGE_BASIC && n->header != NULL)
		return err_set(e, EACCES, "it refused the login");
	if (challenge_parse(&c, head->challenges, head->n_challenges, e) < 0)
		return -1;
	forget(n);
	n->challenge = c;
	return c.scheme == CHALLENGE_BASIC ? use_basic(n, w, e) : 0;
}

void
token_cancel(struct token_wait *w)
{
	list_remove(&w->link);
}
