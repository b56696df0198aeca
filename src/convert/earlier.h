/* What earlier conversions left at the destination: the manifests that its name
 * means now say of each layer, in annotations, which blob it was made of and
 * how. */
#ifndef CONVERT_EARLIER_H
#define CONVERT_EARLIER_H

#include <stddef.h>

#include "base/descriptor.h"

struct destination;
struct digest;
struct err;

struct earlier {
	struct descriptor *layers; /* that have the annotations */
	size_t n_layers;
};

/* None is no failure, whatever the reason. */
void earlier_read(struct earlier *x, struct destination *to);
void earlier_release(struct earlier *x);

/* What a layer was made of, and how: what this program makes of equal ones is
 * equal. */
struct making {
	const struct descriptor *from;
	int level;
	const struct digest *wish; /* zero: the tar stayed as it was */
};

/* The layer that was made so; NULL.  *diff_id is changed where it became another
 * tar. */
const struct descriptor *earlier_find(
    const struct earlier *x, const struct making *m, struct digest *diff_id);

/* Adds the annotations to what was made so, and those of m->from that say nothing
 * about how it is compressed. */
int earlier_annotate(struct descriptor *made, const struct making *m,
    const struct digest *diff_id, struct err *e);

#endif
