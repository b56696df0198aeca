/* WWW-Authenticate: what a 401 asks for.  Pure.
 *
 * Specifications: RFC 9110 section 11.6.1 (several challenges in one field and
 * several fields), distribution's token authentication.
 */
#ifndef REGISTRY_CHALLENGE_H
#define REGISTRY_CHALLENGE_H

#include "base/cleanup.h"

struct err;

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
	enum challenge_scheme scheme;
	char *realm; /* Bearer: the token server's URL */
	char *service;
	char *scope;
};

#define AUTO_CHALLENGE CLEANUP(challenge_release)

/* The best of the challenges: Bearer before Basic, the first of each.  ENOTSUP
 * when it knows none of them. */
int challenge_parse(
    struct challenge *c, char *const *fields, unsigned n, struct err *e);
void challenge_release(struct challenge *c);

#endif
