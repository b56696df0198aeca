/* Where things lie: the folder of the daemon's socket (run), its store (root),
 * and the daemon's program.
 *
 *	run   --run DIR, $LAYERFS_RUN; of root /run/layerfs; of others
 *	      $XDG_RUNTIME_DIR/layerfs, or /tmp/layerfs-UID without it
 *	root  $LAYERFS_ROOT; of root /var/lib/layerfs; of others
 *	      $XDG_DATA_HOME/layerfs, or ~/.local/share/layerfs
 */
#ifndef CLI_PLACES_H
#define CLI_PLACES_H

#include <stdbool.h>

#include "base/limits.h"

struct err;

struct places {
	char run[LIMIT_PATH_BYTES];
	bool is_shared; /* run lies in a folder where anybody may write */
};

/* The run folder's descriptor, and *p in any case; with `make` it is made when missing.
 * run_option is NULL where --run was not given.  A shared one must belong to this user,
 * be open to nobody else and be no link: EACCES.  ENOENT where there is none, ETIMEDOUT
 * where nobody answers within ten seconds. */
int places_open_run(
    struct places *p, const char *run_option, bool make, struct err *e);
/* ETIMEDOUT as above. */
int places_find_root(char root[LIMIT_PATH_BYTES], struct err *e);
/* $LAYERFSD, or layerfsd beside this program, in ../sbin or ../libexec.  ENOENT
 * says where it was looked for. */
int places_find_daemon(char program[LIMIT_PATH_BYTES], struct err *e);

#endif
