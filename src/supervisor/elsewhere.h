/* Folders that were given to be written to (`layerfs mount --upper`).  A supervisor
 * that dies takes their descriptors with it where nobody keeps them; the next one
 * finds them again, for the same overlay only, if they still are what they were:
 *
 *	ROOT/upper/ID/upper, work     files, where those of a temporary layer are
 *	                              folders: what the folder was and is to be, and
 *	                              its path as the kernel has it
 *
 *	MAJOR:MINOR INODE UID GID SECONDS.NANOSECONDS PATH
 *
 * The time is that of its making: a number of an inode is given again.  ROOT/upper is
 * root's own, and nothing in it means anything to another boot.
 *
 * For the supervisor's child processes: a path may lead where nobody answers.
 */
#ifndef SUPERVISOR_ELSEWHERE_H
#define SUPERVISOR_ELSEWHERE_H

struct err;

/* `dir` is ROOT/upper/ID; name is "upper" or "work". */
int elsewhere_note(int dir, const char *name, int folder, struct err *e);

/* Its descriptor, opened through no link.  ESTALE: what lies there now is not it;
 * ENOENT. */
int elsewhere_open(int dir, const char *name, struct err *e);

#endif
