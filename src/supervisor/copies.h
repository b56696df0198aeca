/* Copies of the mounts below RUN/m: what commands put on their targets.  The
 * supervisor did not put them there; it finds them by their file system.
 */
#ifndef SUPERVISOR_COPIES_H
#define SUPERVISOR_COPIES_H

#include <stdbool.h>

struct mounted;
struct mounttable;

/* Takes the copies of such mounts away from this mount namespace, lazily:
 * whoever has a file open keeps it.  What lies below `points`, RUN/m, stays. */
void copies_detach(const struct mounttable *t, const char *points,
    bool (*is_such)(const struct mounted *point, const char *id, void *ctx),
    void *ctx);

#endif
