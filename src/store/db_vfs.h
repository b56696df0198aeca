/* SQLite's own file layer, except that names are relative to an open folder.
 * SQLite would turn a name into an absolute path and resolve its links, and the
 * folders above ROOT may be closed to the worker's user.  Private to
 * store/db*.c. */
#ifndef STORE_DB_VFS_H
#define STORE_DB_VFS_H

#include <sqlite3.h>

struct err;

struct db_vfs {
	sqlite3_vfs vfs;
	char name[32]; /* for sqlite3_open_v2() */
	int dir;
};

/* `dir` is borrowed for the call. */
struct db_vfs *db_vfs_new(int dir, struct err *e);
/* After the last connection through it was closed. */
void db_vfs_free(struct db_vfs *v);

#endif
