/* Credentials for a registry host, from where docker and podman keep them:
 *
 *	$REGISTRY_AUTH_FILE
 *	$XDG_RUNTIME_DIR/containers/auth.json, /run/containers/UID/auth.json
 *	$XDG_CONFIG_HOME or ~/.config, then /containers/auth.json
 *	$DOCKER_CONFIG or ~/.docker, then /config.json
 *	/etc/layerfs/auth.json
 *
 * Keys are looked up from the most to the least specific, as podman does
 * ("host/a/b", "host/a", "host"), docker's legacy "https://index.docker.io/v1/"
 * included.  credHelpers and credsStore run docker-credential-NAME, found in
 * PATH, with a time limit of 30 s; its name may hold no slash.
 *
 * Secrets are wiped before their memory is freed and never logged, and no error
 * quotes a file or a helper's output.  The command line tool reads the user's
 * files and hands the credential to the daemon, which may not read them.
 */
#ifndef REGISTRY_CREDENTIAL_H
#define REGISTRY_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct err;

struct credential {
	char *username;
	char *password;
	char *identity_token; /* an OAuth2 refresh token; NULL when none */
};

#define AUTO_CREDENTIAL CLEANUP(credential_release)

/* *found is false, and 0 returned, when no file has one.  An unreadable or
 * damaged file is an error that names it, unless a better one had it; so is one that
 * lies where nobody answers within ten seconds, ETIMEDOUT: others like it are waited
 * for a second each. */
int credential_find(struct credential *c, bool *found, const char *host,
    const char *repository, struct err *e);

/* From one file's contents, running helpers: the part of the above that tests
 * can reach. */
int credential_find_in(struct credential *c, bool *found, const char *json,
    size_t n, const char *host, const char *repository, struct err *e);

int credential_copy(
    struct credential *to, const struct credential *from, struct err *e);
void credential_release(struct credential *c);

#endif
