/* Copies of the mounts below RUN/m: what commands put on their targets.  The
 * supervisor did not put them there; it finds them by their file system.
 */
#ifndef SUPERVISOR_COPIES_H
#define SUPERVISOR_COPIES_H

/* Takes every copy away from this mount namespace, lazily: whoever has a file
 * open keeps it.  The mounts below `points`, a folder's descriptor, stay. */
void copies_detach(int points);

#endif
