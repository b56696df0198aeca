/* docker's config.json and podman's auth.json.  Pure: says what the file holds
 * for an image, or which helper to ask; credential.c asks.
 *
 *	{ "auths":       { "HOST[/PATH]": { "auth": base64("user:password"),
 *	                                    "identitytoken": "..." } },
 *	  "credHelpers": { "HOST[/PATH]": "NAME" },
 *	  "credsStore":  "NAME" }
 *
 * Keys may carry a scheme and docker's legacy path ("https://HOST/v1/").
 */
#ifndef REGISTRY_AUTH_JSON_H
#define REGISTRY_AUTH_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "registry/credential.h"

struct auth_answer {
	/* asked first; NULL when there is none */
	char *helper; /* docker-credential-HELPER */
	char *helper_key;
	/* taken when the helper has nothing */
	bool found;
	struct credential credential;
};

#define AUTO_AUTH_ANSWER CLEANUP(auth_answer_release)

/* EBADMSG never quotes the file. */
int auth_json_find(struct auth_answer *a, const char *json, size_t n,
    const char *host, const char *repository, struct err *e);
void auth_answer_release(struct auth_answer *a);

/* A helper's answer: {"ServerURL", "Username", "Secret"}. */
int auth_json_parse_helper(
    struct credential *c, const char *json, size_t n, struct err *e);

/* Whether a key, with docker's scheme and path or without, means this host. */
bool auth_json_key_is_host(const char *key, const char *host);
/* The member "auth" of an entry: fills username and password, to be released
 * also on failure. */
int auth_json_split(struct credential *c, const char *auth, struct err *e);

#endif
