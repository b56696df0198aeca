#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/client.h"
#include "registry/secret.h"
#include "registry/token_entry.h"
#include "net/url.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

enum { DEFAULT_LIFE_S = 60, LONGEST_LIFE_S = 24 * 3600 };

void
token_request_release(struct token_entry *n)
{
	http_request_release(&n->request);
	free(take_ptr(&n->login));
	free(take_ptr(&n->url));
	secret_free(take_ptr(&n->form));
	secret_free(take_ptr(&n->basic));
	secret_buf_release(&n->body);
	host_list_unref(take_ptr(&n->hosts));
}

/* What a token may hold: it becomes a header's text. */
static bool
is_token(const char *s)
{
	if (*s == 0)
		return false;
	for (; *s != 0; s++)
		if (!isascii(*s) || !isgraph(*s))
			return false;
	return true;
}

static void
wipe_doc(struct doc **j)
{
	if (*j != NULL)
		doc_wipe(*j);
	doc_unref(*j);
}

int
token_parse(const char *json, size_t n, char **token, unsigned *expires_s,
    struct err *e)
{
	struct err quoting = ERR_INIT;
	CLEANUP(wipe_doc) struct doc *j = doc_parse_json(json, n, &quoting);
	const char *text = NULL;
	int64_t life = DEFAULT_LIFE_S;

	if (!doc_is_object(j))
		return err_set(e, EPROTO, "the token server sent no JSON");
	if (doc_find_string(j, "access_token", &text, e) < 0 ||
	    doc_find_string(j, "token", &text, e) < 0 ||
	    doc_find_int(j, "expires_in", &life, e) < 0) {
		e->code = EPROTO;
		return err_wrap(e, "the token server's answer");
	}
	if (text == NULL || !is_token(text))
		return err_set(e, EPROTO, "the token server sent no token");
	*token = strdup(text);
	if (*token == NULL)
		return err_set(e, ENOMEM, "a token");
	if (life < 0 || life > LONGEST_LIFE_S)
		life = life < 0 ? 0 : LONGEST_LIFE_S;
	*expires_s = life;
	return 0;
}

static enum http_verdict
on_head(struct http_request *r)
{
	(void)r;
	return HTTP_CONTINUE;
}

static enum http_verdict
on_bytes(struct http_request *r, const void *p, size_t len)
{
	struct token_entry *n = container_of(r, struct token_entry, request);
	struct err e;

	return buf_append(&n->body, p, len, &e) < 0 ? HTTP_STOP : HTTP_CONTINUE;
}

/* A token serves until a tenth of its life is left. */
static int
take_token(struct token_entry *n, struct err *e)
{
	AUTO_SECRET char *token = NULL;
	unsigned life_s;
	uint64_t life_ns;

	if (token_parse((const char *)n->body.data, n->body.len, &token,
		&life_s, e) < 0)
		return -1;
	secret_free(take_ptr(&n->header));
	if (asprintf(&n->header, "Authorization: Bearer %s", token) < 0) {
		n->header = NULL;
		return err_set(e, ENOMEM, "a token");
	}
	life_ns = max_u64(life_s, 1) * NS_PER_S;
	n->expires_ns = clock_now_ns() + life_ns - life_ns / 10;
	n->version++;
	return 0;
}

static int
judge(struct token_entry *n, struct err *e)
{
	int status = n->request.head.status;

	if (status == 200)
		return take_token(n, e);
	if (status == 401 || status == 403)
		return err_set(e, EACCES,
		    n->had_credential
			? "the token server refused the login for %s (%d)"
			: "the token server refused: log in with `podman "
			  "login %s` (%d)",
		    n->login, status);
	if (status == 408 || status == 429 || status >= 500)
		return err_set(
		    e, EAGAIN, "the token server answered %d", status);
	return err_set(e, EPROTO, "the token server answered %d", status);
}

static void
on_done(struct http_request *r, const struct err *failure)
{
	struct token_entry *n = container_of(r, struct token_entry, request);
	struct err e = ERR_INIT;
	int rc;

	n->is_fetching = false;
	if (failure != NULL) {
		e = *failure;
		rc = err_wrap(&e, "the token server");
	} else {
		rc = judge(n, &e);
	}
	token_request_release(n);
	token_answer_all(n, rc < 0 ? &e : NULL);
}

static int
no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "a token request");
}

static int
append_parameter(
    struct buf *b, const char *name, const char *value, struct err *e)
{
	AUTO_SECRET char *escaped = url_escape(value);

	if (escaped == NULL)
		return no_memory(e);
	return buf_printf(
	    b, e, "%s%s=%s", b->len > 0 ? "&" : "", name, escaped);
}

/* service=...&scope=...[&scope=...]: a challenge's scope may hold several,
 * apart by spaces. */
static int
append_question(const struct token_entry *n, const char *repository,
    bool is_form, struct buf *b, struct err *e)
{
	AUTO_FREE char *scope = NULL;
	char *state = NULL;

	if (n->challenge.service != NULL &&
	    append_parameter(b, "service", n->challenge.service, e) < 0)
		return -1;
	if (n->challenge.scope != NULL)
		scope = strdup(n->challenge.scope);
	else if (asprintf(&scope, "repository:%s:pull%s", repository,
		     n->is_push ? ",push" : "") < 0)
		scope = NULL;
	if (scope == NULL)
		return no_memory(e);
	if (is_form)
		return append_parameter(b, "scope", scope, e);
	for (char *one = strtok_r(scope, " ", &state); one != NULL;
	     one = strtok_r(NULL, " ", &state))
		if (append_parameter(b, "scope", one, e) < 0)
			return -1;
	return 0;
}

static int
set_url(struct token_entry *n, const char *repository, struct err *e)
{
	AUTO_BUF struct buf q = BUF_INIT(LIMIT_URL_BYTES);
	const char *realm = n->challenge.realm;

	if (append_question(n, repository, false, &q, e) < 0)
		return -1;
	if (asprintf(&n->url, "%s%c%s", realm,
		strchr(realm, '?') != NULL ? '&' : '?', buf_str(&q)) < 0) {
		n->url = NULL;
		return no_memory(e);
	}
	return 0;
}

/* RFC 6749's refresh, as distribution has it. */
static int
set_form(struct token_entry *n, const char *repository,
    const struct credential *c, struct err *e)
{
	AUTO_SECRET_BUF struct buf b = BUF_INIT(LIMIT_TOKEN_BYTES);

	if (buf_reserve(&b, b.max, e) < 0 ||
	    append_question(n, repository, true, &b, e) < 0 ||
	    append_parameter(&b, "grant_type", "refresh_token", e) < 0 ||
	    append_parameter(&b, "client_id", "layerfs", e) < 0 ||
	    append_parameter(&b, "refresh_token", c->identity_token, e) < 0)
		return -1;
	n->form = strdup(buf_str(&b));
	n->url = strdup(n->challenge.realm);
	return n->form == NULL || n->url == NULL ? no_memory(e) : 0;
}

char *
token_basic_header(const struct credential *c)
{
	AUTO_SECRET char *plain = NULL;
	AUTO_SECRET char *coded = NULL;
	char *header;

	if (asprintf(&plain, "%s:%s", c->username, c->password) < 0) {
		plain = NULL;
		return NULL;
	}
	coded = secret_to_base64(plain);
	if (coded == NULL ||
	    asprintf(&header, "Authorization: Basic %s", coded) < 0)
		return NULL;
	return header;
}

/* Any registry may name any realm.  A password that reached the registry
 * encrypted does not go on in clear text. */
static int
check_realm(
    const struct token_wait *w, const struct token_entry *n, struct err *e)
{
	struct origin realm;

	if (url_origin(n->challenge.realm, &realm, e) < 0)
		return err_set(e, EPROTO, "its token server has a bad URL");
	if (n->had_credential && w->host->origin.is_https && !realm.is_https &&
	    !reference_host_is_loopback(realm.host))
		return err_set(e, EACCES,
		    "its token server %.80s would get the password in clear "
		    "text: refused",
		    realm.host);
	return 0;
}

static int
prepare_fetch(struct token_entry *n, const struct token_wait *w, struct err *e)
{
	CLEANUP(credential_release) struct credential c = { 0 };
	size_t at = 0;
	struct origin realm;

	n->login = strdup(token_login_name(w));
	if (n->login == NULL)
		return no_memory(e);
	if (registry_find_credential(n->tokens->registry, n->login,
		w->repository, &c, &n->had_credential, &n->generation, e) < 0 ||
	    check_realm(w, n, e) < 0)
		return -1;
	if (n->had_credential && c.identity_token != NULL) {
		if (set_form(n, w->repository, &c, e) < 0)
			return -1;
	} else if (set_url(n, w->repository, e) < 0) {
		return -1;
	} else if (n->had_credential && c.username != NULL) {
		n->basic = token_basic_header(&c);
		if (n->basic == NULL)
			return no_memory(e);
		n->headers[at++] = n->basic;
	}
	n->headers[at] = NULL;
	n->tls = w->host->tls;
	if (url_origin(n->url, &realm, e) < 0)
		return -1;
	if (!origin_equal(&realm, &w->host->origin))
		n->tls.client_cert = n->tls.client_key = NULL;
	return 0;
}

void
token_request(struct token_entry *n, struct token_wait *w)
{
	struct err e = ERR_INIT;

	list_push_back(&n->waiting, &w->link);
	if (n->is_fetching)
		return;
	n->body.max = LIMIT_TOKEN_BYTES;
	if (prepare_fetch(n, w, &e) < 0 ||
	    buf_reserve(&n->body, n->body.max, &e) < 0) {
		token_request_release(n);
		token_answer_all(n, &e);
		return;
	}
	n->hosts = host_list_ref(w->hosts);
	n->is_fetching = true;
	n->request.url = n->url;
	n->request.form = n->form;
	n->request.headers = n->headers;
	n->request.tls = &n->tls;
	n->request.class = HTTP_URGENT;
	n->request.body_max = LIMIT_TOKEN_BYTES;
	n->request.on_head = on_head;
	n->request.on_bytes = on_bytes;
	n->request.on_done = on_done;
	http_send(n->tokens->registry->http, &n->request);
}
