/* The credentials that a registry client was given, by host and repository.
 * Not locked: its user holds a lock. */
#ifndef REGISTRY_CREDENTIALS_H
#define REGISTRY_CREDENTIALS_H

#include <stdbool.h>

#include "registry/credential.h"
#include "base/list.h"

struct credentials {
	struct list list;
	unsigned generation; /* grows with every change */
};

void credentials_init(struct credentials *c);
void credentials_release(struct credentials *c);

/* repository "" is any; replaces what was there; copies. */
int credentials_set(struct credentials *c, const char *host,
    const char *repository, const struct credential *credential, struct err *e);

/* A copy of the repository's own, else the host's; false when there is none. */
int credentials_find(struct credentials *c, const char *host,
    const char *repository, struct credential *out, bool *found, struct err *e);

#endif
