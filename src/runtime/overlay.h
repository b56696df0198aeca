/* The mount that shows a snapshot: overlayfs or a bind mount, as options for
 * whoever mounts it.  One page holds all options of a mount, so paths are
 * short; containerd shortens a common beginning of lower ones further. */
#ifndef RUNTIME_OVERLAY_H
#define RUNTIME_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/snapshotter.h"

/* What this kernel's overlayfs needs to be told. */
struct overlay_needs {
	bool index_off; /* it has indexes, which would tie an upper folder to
			   its first lower ones */
	bool userxattr; /* in a user namespace */
};
void overlay_probe(struct overlay_needs *out);

struct overlay {
	const struct overlay_needs *needs;
	bool is_view;
	const char *own;           /* the snapshot's folder, RUN/s/NUMBER */
	const char *const *lowers; /* paths, the top one first */
	size_t n_lowers;
};
int overlay_mount(
    const struct overlay *o, struct snapshot_mount *out, struct err *e);

#endif
