/* What a refusing answer means, in words that say what to do.  Pure. */
#ifndef REGISTRY_STATUS_H
#define REGISTRY_STATUS_H

#include <stdbool.h>

#include "base/bytes.h"

struct err;

struct status {
	int code;
	const struct buf *text; /* the answer's body, or its start */
	const char *what;       /* "image", "blob" */
	const char *login;      /* what one logs in to */
	bool had_credential;
};

/* Always fails: EACCES for 401 and 403, ENOENT for 404 and 410, EAGAIN for 408,
 * 425, 429, 5xx and DIGEST_INVALID, EPROTO for the rest.  Quotes the registry's
 * own message, made printable. */
int status_error(const struct status *s, struct err *e);

#endif
