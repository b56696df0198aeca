/* Which of a layer's files shall come first in its tar, in which order: those that
 * a profile says a start reads. */
#ifndef CONVERT_WISH_H
#define CONVERT_WISH_H

#include <stddef.h>

#include "base/digest.h"

struct err;
struct plan;
struct profile;

struct wish {
	const char **paths; /* the profile's; "usr/bin/env" */
	size_t n;
	struct digest digest; /* of all that; zero where there is none */
};

void wish_release(struct wish *w);

/* Each layer of the image that the profile is of gets its wish; the profile must
 * outlive them.  EINVAL: it is of no image of the plan. */
int wish_all(struct plan *p, const struct profile *of, struct err *e);

#endif
