/* ROOT/upper/ID: what is written over the overlay RUN/m/ID.
 *
 *	upper, work    folders of a temporary layer, which ends with the overlay; or
 *	               notes of two that were given (supervisor/elsewhere.h)
 *
 *	.gone-ID       what is nobody's any more.  A tree of a million files takes
 *	               minutes: who mounts, or starts, puts it aside, and a process of
 *	               its own removes it, this supervisor's or the next one's.
 *
 * `uppers` is ROOT/upper.  All but upper_put_aside() and upper_is_elsewhere() are for
 * the supervisor's child processes.
 */
#ifndef SUPERVISOR_UPPER_H
#define SUPERVISOR_UPPER_H

#include <stdbool.h>

struct err;

/* A temporary one; whatever is there is no mount's and made anew. */
int upper_make(int uppers, const char *id, struct err *e);

/* Where these two folders are.  Where that fails the overlay is good all the same,
 * but is not made again: logged. */
void upper_note(int uppers, const char *id, const int given[2]);

/* Both folders, the caller's; on failure, too, where one is not -1. */
int upper_open(int uppers, const char *id, int pair[2], struct err *e);
/* Its folders were given: they may lie where nobody answers. */
bool upper_is_elsewhere(int uppers, const char *id);

/* Absent is fine. */
int upper_remove(int uppers, const char *id, struct err *e);
int upper_put_aside(int uppers, const char *id, struct err *e);

/* Removes what was put aside; failures are logged. */
void uppers_sweep(int uppers);

#endif
