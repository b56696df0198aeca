/* What the next supervisor has to know of a held descriptor, beside the
 * descriptor itself: a file of the same name in RUN/held.
 *
 *	 0  version   1
 *	 4  serial    the descriptor's place among the held
 *	 8  payload   length, at most AGENT_PAYLOAD_MAX
 *	12  target    length, at most PATH_MAX - 1; 0: RUN/m
 *	16  the payload's bytes, then the target's
 *
 * Little-endian: the next supervisor may be another version.  A file is written
 * beside and renamed, so that whoever dies leaves the old or the new one;
 * nothing is synced, for RUN means nothing to another boot.  The folder is the
 * supervisor's own (0700).
 */
#ifndef SUPERVISOR_NOTE_H
#define SUPERVISOR_NOTE_H

struct err;
struct held_fd;
struct list;

/* Made where it is missing. */
int notes_open(int run, struct err *e);

int note_write(int notes, const struct held_fd *f, struct err *e);
/* Fills all but the descriptor of *f, whose target is the caller's.  ENOENT;
 * EBADMSG: not a note of this version. */
int note_read(int notes, const char *name, struct held_fd *f, struct err *e);
/* Absent is fine. */
void note_remove(int notes, const char *name);
/* Those of what is not held; the targets that they name are added to `lost`
 * (supervisor/lost.h). */
void notes_remove_others(int notes, struct list *holds, struct list *lost);

#endif
