/* Copies of the mounts below RUN/m: what commands put on their targets.  The
 * supervisor did not put them there; it finds them by their file system.
 */
#ifndef SUPERVISOR_COPIES_H
#define SUPERVISOR_COPIES_H

#include <stdbool.h>
#include <stdint.h>

struct grace;
struct list;
struct mounted;
struct mounttable;

struct copies {
	const struct mounttable *table;
	const char *points; /* RUN/m; what lies below it is no copy */
	/* Of which mounts there. */
	bool (*is_such)(const struct mounted *point, const char *id, void *ctx);
	void *ctx;
};

/* Takes them away from this mount namespace, lazily: whoever has a file open
 * keeps it.  Blocks as dead_target_open() does.  Those that were taken away are
 * added to `lost`, unless that is NULL; those that were not are logged. */
void copies_detach(const struct copies *c, struct grace *g, struct list *lost);

#endif
