/* Credential helpers: programs called docker-credential-NAME that are given a
 * server on stdin and print {"ServerURL", "Username", "Secret"}.
 *
 * Specification: docker/docker-credential-helpers.
 */
#ifndef REGISTRY_HELPER_H
#define REGISTRY_HELPER_H

#include <stdbool.h>

#include "base/bytes.h"

struct err;

enum { HELPER_TIMEOUT_MS = 30000 };

/* Runs `docker-credential-NAME get`, found in PATH, and appends what it prints;
 * blocking.  *found is false when it says that it has none.  EINVAL for a name
 * with a slash or the like, ENOENT when it is not installed, ETIMEDOUT, E2BIG
 * past out->max, EACCES when it failed.  No error quotes its output. */
int helper_get(const char *name, const char *server, unsigned timeout_ms,
    struct buf *out, bool *found, struct err *e);

#endif
