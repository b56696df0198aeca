#include "registry/auth_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "registry/secret.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

static const char docker_host[] = "docker.io";
static const char docker_legacy_key[] = "https://index.docker.io/v1/";

static void
wipe_doc(struct doc **j)
{
	if (*j != NULL)
		doc_wipe(*j);
	doc_unref(*j);
}

#define AUTO_SECRET_DOC CLEANUP(wipe_doc)

void
auth_answer_release(struct auth_answer *a)
{
	free(a->helper);
	free(a->helper_key);
	credential_release(&a->credential);
	*a = (struct auth_answer){ 0 };
}

/* A library's message would quote the text, and the text is a secret. */
static struct doc *
parse(const char *json, size_t n, struct err *e)
{
	struct doc *j = NULL;
	struct err quoting = ERR_INIT;

	if (n > LIMIT_CONFIG_FILE_BYTES)
		err_set(e, E2BIG, "over %d bytes", LIMIT_CONFIG_FILE_BYTES);
	else if ((j = doc_parse_json(json, n, &quoting)) == NULL)
		err_set(e, EBADMSG, "it is not JSON");
	else if (doc_is_object(j))
		return j;
	else
		err_set(e, EBADMSG, "it is not a JSON object");
	wipe_doc(&j);
	return NULL;
}

/* "https://host/v1/" -> "host", "host/a/" -> "host/a". */
static size_t
plain_key(const char **key)
{
	const char *s = *key, *sep = strstr(s, "://");
	size_t n;

	if (sep != NULL)
		s = sep + 3;
	n = sep != NULL ? strcspn(s, "/") : strlen(s);
	while (n > 0 && s[n - 1] == '/')
		n--;
	*key = s;
	return n;
}

static bool
names_docker(const char *s, size_t n)
{
	return (n == 15 && strncasecmp(s, "index.docker.io", n) == 0) ||
	       (n == 20 && strncasecmp(s, "registry-1.docker.io", n) == 0);
}

static bool
key_is(const char *key, const char *wanted, size_t wanted_len)
{
	size_t n = plain_key(&key);

	if (names_docker(key, n))
		return wanted_len == strlen(docker_host) &&
		       strncmp(wanted, docker_host, wanted_len) == 0;
	return n == wanted_len && strncasecmp(key, wanted, n) == 0;
}

bool
auth_json_key_is_host(const char *key, const char *host)
{
	return key_is(key, host, strlen(host));
}

static struct doc *
find_key(struct doc *o, const char *wanted, size_t n, const char **found)
{
	if (!doc_is_object(o))
		return NULL;
	doc_for_each(o, key, v) {
		if (key_is(key, wanted, n)) {
			*found = key;
			return v;
		}
	}
	return NULL;
}

/* The member for the longest of "host/a/b", "host/a", "host". */
static struct doc *
find_longest(struct doc *o, const char *name, const char **found)
{
	size_t n = strlen(name);

	for (;;) {
		struct doc *v = find_key(o, name, n, found);

		if (v != NULL)
			return v;
		while (n > 0 && name[n - 1] != '/')
			n--;
		if (n == 0)
			return NULL;
		n--;
	}
}

static int
no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "credential");
}

int
auth_json_split(struct credential *c, const char *auth, struct err *e)
{
	AUTO_SECRET char *text = secret_from_base64(auth);
	char *colon = text != NULL ? strchr(text, ':') : NULL;

	if (colon == NULL)
		return err_set(
		    e, EBADMSG, "\"auth\" is not base64 of user:password");
	*colon = 0;
	c->username = strdup(text);
	c->password = strdup(colon + 1);
	*colon = ':';
	return c->username == NULL || c->password == NULL ? no_memory(e) : 0;
}

/* docker writes an empty entry for what is in the helper. */
static int
read_entry(struct auth_answer *a, const struct doc *entry, struct err *e)
{
	const char *auth = NULL, *token = NULL, *user = NULL, *password = NULL;
	struct credential *c = &a->credential;

	if (!doc_is_object(entry))
		return err_set(e, EBADMSG, "an entry that is no object");
	if (doc_find_string(entry, "auth", &auth, e) < 0 ||
	    doc_find_string(entry, "identitytoken", &token, e) < 0 ||
	    doc_find_string(entry, "username", &user, e) < 0 ||
	    doc_find_string(entry, "password", &password, e) < 0)
		return -1;
	if (token != NULL && *token != 0) {
		c->identity_token = strdup(token);
		if (c->identity_token == NULL)
			return no_memory(e);
		a->found = true;
	}
	if (auth != NULL && *auth != 0) {
		a->found = true;
		return auth_json_split(c, auth, e);
	}
	if (user != NULL && password != NULL && *user != 0) {
		a->found = true;
		c->username = strdup(user);
		c->password = strdup(password);
		if (c->username == NULL || c->password == NULL)
			return no_memory(e);
	}
	return 0;
}

static int
name_helper(struct auth_answer *a, struct doc *j, const char *host,
    const char *name, struct err *e)
{
	const char *key = host, *helper = NULL;
	struct doc *v = find_longest(doc_find(j, "credHelpers"), name, &key);

	if (v != NULL) {
		helper = doc_string(v);
	} else {
		if (doc_find_string(j, "credsStore", &helper, e) < 0)
			return -1;
		if (strcmp(host, docker_host) == 0)
			key = docker_legacy_key;
	}
	if (helper == NULL || *helper == 0)
		return 0;
	a->helper = strdup(helper);
	a->helper_key = strdup(key);
	return a->helper == NULL || a->helper_key == NULL ? no_memory(e) : 0;
}

int
auth_json_find(struct auth_answer *a, const char *json, size_t n,
    const char *host, const char *repository, struct err *e)
{
	AUTO_SECRET_DOC struct doc *j = parse(json, n, e);
	AUTO_FREE char *name = NULL;
	const char *key;
	struct doc *entry;

	*a = (struct auth_answer){ 0 };
	if (j == NULL)
		return -1;
	if (asprintf(&name, "%s/%s", host, repository) < 0) {
		name = NULL;
		return no_memory(e);
	}
	entry = find_longest(doc_find(j, "auths"), name, &key);
	if (name_helper(a, j, host, name, e) < 0 ||
	    (entry != NULL && read_entry(a, entry, e) < 0)) {
		auth_answer_release(a);
		return -1;
	}
	return 0;
}

int
auth_json_parse_helper(
    struct credential *c, const char *json, size_t n, struct err *e)
{
	AUTO_SECRET_DOC struct doc *j = parse(json, n, e);
	const char *user, *secret;

	*c = (struct credential){ 0 };
	if (j == NULL || doc_get_string(j, "Username", &user, e) < 0 ||
	    doc_get_string(j, "Secret", &secret, e) < 0)
		return -1;
	if (strcmp(user, "<token>") == 0) {
		c->identity_token = strdup(secret);
		return c->identity_token == NULL ? no_memory(e) : 0;
	}
	c->username = strdup(user);
	c->password = strdup(secret);
	if (c->username != NULL && c->password != NULL)
		return 0;
	credential_release(c);
	return no_memory(e);
}
