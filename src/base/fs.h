/* Files: whole reads and writes, atomic replacement, folders.  Everything is
 * relative to a folder's descriptor (AT_FDCWD is one), opens with O_CLOEXEC and
 * retries EINTR.  Errors carry errno and the name.  All of it blocks on disk.
 */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"

struct err;

/* Exactly n bytes; EBADMSG where the file ends before them. */
int fs_pread(int fd, void *p, size_t n, uint64_t off, struct err *e);
int fs_pwrite(int fd, const void *p, size_t n, uint64_t off, struct err *e);

/* Appends the whole file to `out`; E2BIG past out->max.  ENOENT is the one that
 * callers tell apart. */
int fs_read_file(int dir, const char *name, struct buf *out, struct err *e);

/* The same for a descriptor, from the file's start, whatever its offset. */
int fs_read_all(int fd, struct buf *out, struct err *e);

/* Temporary file, write, fsync, rename over `name`, fsync of the folder that
 * holds it: after a crash the old or the new file is there, never half of one.
 * Relative to AT_FDCWD the folder, a person's own, is not synced. */
int fs_replace_file(int dir, const char *name, const void *p, size_t n,
    mode_t mode, struct err *e);

/* Removes the temporary files that fs_replace_file() left in the folder when its
 * process was killed.  Nobody may be replacing anything there. */
int fs_remove_temporaries(int dir, const char *folder, struct err *e);

/* A folder's descriptor (O_RDONLY | O_DIRECTORY). */
int fs_open_dir(int dir, const char *name, struct err *e);

/* Makes the folder and its missing parents; an existing one is fine. */
int fs_make_dirs(int dir, const char *path, mode_t mode, struct err *e);

/* fsync of a folder, so that renames and new names in it are durable. */
int fs_sync_dir(int dir, struct err *e);

/* ---- whole trees (fs_tree.c) ----
 *
 * Whatever is in them: folders 5,000 deep, names of any bytes, files that the
 * immutable flag protects.  No link is followed and no other mount entered. */

/* Removes a file or a whole tree; absent is fine.  EBUSY where something in it
 * is mounted: that and what holds it stays. */
int fs_remove_tree(int dir, const char *name, struct err *e);

struct fs_usage {
	uint64_t bytes; /* on disk */
	uint64_t inodes;
};

/* What a tree takes, its own folder and hard links counted once each; mounts
 * in it are left out.  What vanishes meanwhile is no failure. */
int fs_measure_tree(
    int dir, const char *name, struct fs_usage *out, struct err *e);

#endif
