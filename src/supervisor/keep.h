/* The held descriptors (supervisor/hold.h), of which those that the worker gave
 * outlive the supervisor, too: systemd keeps them in its descriptor store
 * (supervisor/notify.h) and gives them to the next (supervisor/activation.h),
 * which reads the rest in RUN/held (supervisor/note.h).
 *
 *	held as     kept as     what
 *	fuse:ID     fuse-ID     a mount; no name there may have a colon
 *	rpc:N       rpc-N       a runtime's connection, and so on
 *	root        -           opened by each supervisor for itself
 *
 * Without systemd all the same, for the binary that a supervisor becomes.
 * Owned by the supervisor's one thread.
 */
#ifndef SUPERVISOR_KEEP_H
#define SUPERVISOR_KEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/hold.h"
#include "supervisor/notify.h"
#include "base/list.h"

struct activation;
struct err;
struct given;

struct keep {
	struct list holds;
	int notes; /* RUN/held */
	struct notify notify;
};

/* `run` is RUN's descriptor. */
int keep_open(struct keep *k, int run, struct err *e);
void keep_init(struct keep *k);
void keep_close(struct keep *k);

/* Holds again what was given; closes what it knows nothing of.  How many.  What
 * was held and not given: notes_remove_others(). */
size_t keep_resume(struct keep *k, struct activation *given, struct list *lost);

/* As hold_put(); a target (or NULL) stays as it is where the name is held. */
int keep_put(
    struct keep *k, const struct held *h, const char *target, struct err *e);
void keep_drop(struct keep *k, const char *name);
/* The descriptor alone is held from now on. */
void keep_clear_payload(struct keep *k, struct held_fd *f);
/* In order: whatever is left is nobody's any more. */
void keep_drop_all(struct keep *k);

/* Whether the worker may use the name. */
bool keep_is_name(const char *name);

/* Those that outlive the supervisor, under their other names, with room for
 * `more`: the caller's, freed with keep_free_given(). */
struct given *keep_list(struct keep *k, size_t more, size_t *n, struct err *e);
void keep_free_given(struct given *all, size_t n);

#endif
