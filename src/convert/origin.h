/* Where a conversion reads from: the reference's registry or folder, and what it
 * has to do there.  Both ends of a conversion begin with it. */
#ifndef CONVERT_ORIGIN_H
#define CONVERT_ORIGIN_H

#include "convert/plan.h"

struct conversion;

struct origin {
	struct plan_origin of;
	int layout; /* -1: a registry */
};

int origin_open(struct origin *o, const struct conversion *c, struct err *e);
void origin_close(struct origin *o);

#endif
