/* What a disk was asked to do below one folder, and what a power cut may have
 * left of it.  For tests: the program's own definitions of the system calls that
 * change files stand before libc's, SQLite's calls included, and pass through.
 *
 *	disk_log_begin(folder) -> (a life) -> disk_log_end() -> disk_log_build()...
 *
 * A process that is killed loses nothing that the kernel has, and the next one
 * goes on with that, which no disk may have yet:
 *
 *	disk_log_branch(cut, folder) -> (the next life) -> disk_log_end() ->
 *	disk_log_build()... -> disk_log_return()
 *
 * The disk is modelled after a journal's promises and no more:
 *
 *	names, sizes, holes   are kept in the order in which they were made: what a
 *	                      cut leaves is a prefix.  A folder's sync keeps all up
 *	                      to its own last change.
 *	bytes                 are kept by their file's sync, with its size.  Before
 *	                      that each write may be there, torn, zeros, or missing.
 *
 * A file that is changed by mapping it (`durable`, `present`) counts as written
 * with every operation.  `present` and SQLite's -shm are no truth after a reboot
 * and are left as garbage or absent; the latter also where a process was killed,
 * as SQLite makes it anew then.
 */
#ifndef LAYER_DISK_LOG_H
#define LAYER_DISK_LOG_H

#include <stddef.h>
#include <stdint.h>

enum survival {
	SURVIVES_ALL,
	SURVIVES_SYNCED, /* nothing else */
	SURVIVES_NAMES,  /* names and sizes; no byte that was not synced */
	SURVIVES_ZEROS,  /* the same, files as long as if it had been */
	SURVIVES_SOME,   /* any mixture */
	N_SURVIVALS
};

/* One at a time; the folder is borrowed till disk_log_end() and empty now.
 * From the first call on no sync reaches a real disk. */
void disk_log_begin(int folder);
void disk_log_end(void);
/* How many operations there were so far. */
size_t disk_log_size(void);
/* The next of them, from this one on, that is a sync; else their number. */
size_t disk_log_next_sync(size_t from);
/* Makes in an empty folder what a power cut after `cut` operations left. */
void disk_log_build(size_t cut, enum survival s, uint64_t *seed, int folder);
void disk_log_free(void);

/* Makes in an empty folder what the kernel has after `cut` operations, and notes
 * what becomes of that, as if nothing had come after them. */
void disk_log_branch(size_t cut, int folder);
/* Everything is again as it was before disk_log_branch(). */
void disk_log_return(void);

#endif
