#include "store/db_vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/list.h"

/* The kernel follows /proc/self/fd/N to the folder without its path. */
static int
full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	const struct db_vfs *v = container_of(vfs, struct db_vfs, vfs);
	int n = snprintf(out, size, "/proc/self/fd/%d/%s", v->dir, name);

	return n < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

struct db_vfs *
db_vfs_new(int dir, struct err *e)
{
	sqlite3_vfs *own = sqlite3_vfs_find(NULL);
	struct db_vfs *v = calloc(1, sizeof *v);

	if (v == NULL || own == NULL) {
		free(v);
		err_set(e, ENOMEM, "state.db");
		return NULL;
	}
	v->dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	if (v->dir < 0) {
		err_sys(e, "state.db");
		free(v);
		return NULL;
	}
	snprintf(v->name, sizeof v->name, "layerfs-%p", (void *)v);
	v->vfs = *own;
	v->vfs.pNext = NULL;
	v->vfs.zName = v->name;
	v->vfs.xFullPathname = full_pathname;
	sqlite3_vfs_register(&v->vfs, 0);
	return v;
}

void
db_vfs_free(struct db_vfs *v)
{
	if (v == NULL)
		return;
	sqlite3_vfs_unregister(&v->vfs);
	close(v->dir);
	free(v);
}
