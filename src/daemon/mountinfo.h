/* Watches the mounts of this namespace (/proc/self/mountinfo), to notice
 * targets that were unmounted by hand.  Lives on the loop. */
#ifndef DAEMON_MOUNTINFO_H
#define DAEMON_MOUNTINFO_H

#include <stdbool.h>

struct err;
struct loop;
struct mountinfo;

/* on_change is called on the loop, at most five times a second, and less often
 * where there are many mounts. */
struct mountinfo *mountinfo_new(struct loop *l,
    void (*on_change)(void *ctx, const struct mountinfo *now), void *ctx,
    struct err *e);
void mountinfo_free(struct mountinfo *m);

/* Any thread: look soon although nothing changed. */
void mountinfo_look(struct mountinfo *m);

/* Is something mounted on this absolute path?  Inside on_change only. */
bool mountinfo_has(const struct mountinfo *m, const char *path);

/* The same, now; any thread. */
bool mountinfo_shows(const char *path);

/* The overlays at RUN/m/ID, of any RUN: the worker may not be allowed to know
 * where its own one lies.  Any thread. */
void mountinfo_each_overlay(void (*fn)(void *ctx, const char *id), void *ctx);

#endif
