/* One layer's part in a conversion: finds out how the destination gets it, and
 * brings it there. */
#ifndef CONVERT_LAYER_JOB_H
#define CONVERT_LAYER_JOB_H

#include <stdbool.h>

#include "convert/convert.h"

struct destination;
struct earlier;
struct plan_layer;
struct press;
struct source;

struct layer_job {
	const struct conversion *conversion;
	struct source *source;
	struct destination *to;
	const struct earlier *earlier;
	struct press *press;
	/* The destination can have nothing of this image yet: blobs are sent
	 * while they are made.  Otherwise it is asked first, when they are. */
	bool is_first;
	const _Atomic bool *is_cancelled;
};

/* The layer's result is there, and its blob at the destination.  Any thread;
 * blocks. */
int layer_job_run(
    const struct layer_job *j, struct plan_layer *l, struct err *e);

/* The same without a byte written: results without digests.  *ms: how long it
 * would take alone. */
int layer_job_estimate(const struct layer_job *j, struct plan_layer *l,
    uint64_t *ms, struct err *e);

#endif
