/* Opening state.db: schema, upgrades, damage. */
#include "store/db_open.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/db.h"
#include "store/db_check.h"
#include "store/db_vfs.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

enum {
	BUSY_MS = 5000, /* a person may look at it with sqlite3(1) */
	DAMAGED_MAX = 1000,
	/* What the journal grows to before it is played into the database and
	 * begun again: 1,000 pages. */
	JOURNAL_BYTES = 5 << 20,
};

/* What each version of the schema added, in order: a database of version V
 * gets the parts above V, a new one gets all.  A part that was released is
 * never changed.  The digests are text. */
static const struct schema_part {
	int version;
	const char *sql;
} schema[] = {
	{ 1, "CREATE TABLE reference (name TEXT PRIMARY KEY, "
	     "  manifest TEXT NOT NULL, resolved_s INTEGER NOT NULL) "
	     "  WITHOUT ROWID" },
	{ 1, "CREATE TABLE image (manifest TEXT PRIMARY KEY, "
	     "  last_used_s INTEGER NOT NULL) WITHOUT ROWID" },
	{ 1, "CREATE TABLE image_layer (manifest TEXT, position INTEGER, "
	     "  layer TEXT NOT NULL, PRIMARY KEY (manifest, position)) "
	     "  WITHOUT ROWID" },
	{ 1, "CREATE INDEX image_layer_by_layer ON image_layer (layer)" },
	{ 1, "CREATE TABLE layer (digest TEXT PRIMARY KEY, "
	     "  blob_size INTEGER NOT NULL, format TEXT NOT NULL, "
	     "  reason TEXT NOT NULL, last_used_s INTEGER NOT NULL) "
	     "  WITHOUT ROWID" },
	{ 1, "CREATE TABLE source (layer TEXT NOT NULL, place TEXT NOT NULL, "
	     "  UNIQUE (layer, place))" },
	{ 1, "CREATE TABLE mount (id TEXT PRIMARY KEY, target TEXT NOT NULL, "
	     "  options TEXT NOT NULL) WITHOUT ROWID" },
	{ 2, "ALTER TABLE image ADD COLUMN label TEXT NOT NULL DEFAULT ''" },
	{ 2, "CREATE TABLE holder (manifest TEXT, who TEXT, "
	     "  PRIMARY KEY (manifest, who)) WITHOUT ROWID" },
	{ 2, "CREATE TABLE chain (manifest TEXT, position INTEGER, "
	     "  chain_id TEXT NOT NULL, PRIMARY KEY (manifest, position)) "
	     "  WITHOUT ROWID" },
	{ 2, "CREATE INDEX chain_by_id ON chain (chain_id)" },
	{ 2, "CREATE TABLE fallback (number INTEGER PRIMARY KEY, "
	     "  label TEXT NOT NULL, layer TEXT NOT NULL, "
	     "  reason TEXT NOT NULL, noted_s INTEGER NOT NULL, "
	     "  UNIQUE (label, layer))" },
	{ 2, "CREATE TABLE snapshot (number INTEGER PRIMARY KEY AUTOINCREMENT, "
	     "  parent INTEGER NOT NULL, state INTEGER NOT NULL, "
	     "  kind INTEGER NOT NULL, life INTEGER NOT NULL, "
	     "  created_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL, "
	     "  bytes INTEGER NOT NULL, inodes INTEGER NOT NULL, "
	     "  uid INTEGER NOT NULL, gid INTEGER NOT NULL, "
	     "  name TEXT UNIQUE, was TEXT NOT NULL, labels TEXT NOT NULL, "
	     "  chain TEXT NOT NULL, image TEXT NOT NULL, "
	     "  layer INTEGER NOT NULL, image_label TEXT NOT NULL)" },
	{ 2, "CREATE INDEX snapshot_by_parent ON snapshot (parent)" },
	{ 2, "CREATE INDEX snapshot_by_chain ON snapshot (chain, parent) "
	     "  WHERE chain != ''" },
	{ 2, "CREATE TABLE layer_use (reference TEXT, digest TEXT, "
	     "  manifest TEXT NOT NULL, layer INTEGER NOT NULL, "
	     "  uses INTEGER NOT NULL, PRIMARY KEY (reference, digest)) "
	     "  WITHOUT ROWID" },
};

#define N_PARTS (sizeof schema / sizeof *schema)
#define SCHEMA_VERSION (schema[N_PARTS - 1].version)

/* ---- errors ---- */

static int
code_of(int sqlite_code)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return EBADMSG;
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
		return EACCES;
	default:
		return EIO;
	}
}

int
db_fail(sqlite3 *handle, const char *what, struct err *e)
{
	return err_set(e, code_of(sqlite3_extended_errcode(handle)),
	    "state.db: %s: %s", what, sqlite3_errmsg(handle));
}

/* ---- schema ---- */

int
db_fail_schema(sqlite3 *handle, const char *sql, struct err *e)
{
	db_fail(handle, sql, e);
	if ((sqlite3_errcode(handle) & 0xff) == SQLITE_ERROR)
		e->code = EBADMSG;
	return -1;
}

static int
execute(sqlite3 *handle, const char *sql, struct err *e)
{
	if (sqlite3_exec(handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_fail_schema(handle, sql, e);
	return 0;
}

/* The one value that a query gives, as text of at most n - 1 bytes. */
static int
query(sqlite3 *handle, const char *sql, char *out, size_t n, struct err *e)
{
	sqlite3_stmt *s = NULL;
	int rc = -1;

	if (sqlite3_prepare_v2(handle, sql, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW) {
		snprintf(out, n, "%s", (const char *)sqlite3_column_text(s, 0));
		rc = 0;
	} else {
		db_fail(handle, sql, e);
	}
	sqlite3_finalize(s);
	return rc;
}

/* In the transaction that the caller began. */
static int
add_parts(sqlite3 *handle, long above, struct err *e)
{
	char version[32];

	for (size_t i = 0; i < N_PARTS; i++)
		if (schema[i].version > above &&
		    execute(handle, schema[i].sql, e) < 0)
			return -1;
	snprintf(version, sizeof version, "PRAGMA user_version = %d",
	    SCHEMA_VERSION);
	return execute(handle, version, e);
}

static int
upgrade(sqlite3 *handle, long from, struct err *e)
{
	if (from == SCHEMA_VERSION)
		return 0;
	if (execute(handle, "BEGIN IMMEDIATE", e) < 0)
		return -1;
	if (add_parts(handle, from, e) == 0 &&
	    execute(handle, "COMMIT", e) == 0)
		return 0;
	sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

/* A head that names a version that SQLite does not know makes it read only.  Who may
 * not write the file is another matter. */
static int
check_may_write(sqlite3 *handle, const struct db_vfs *vfs, struct err *e)
{
	if (sqlite3_db_readonly(handle, "main") == 1 &&
	    faccessat(vfs->dir, "state.db", W_OK, AT_EACCESS) == 0)
		return err_set(
		    e, EBADMSG, "state.db: of a version that is not written");
	return 0;
}

static int
check_schema(sqlite3 *handle, const struct db_vfs *vfs, struct err *e)
{
	char answer[256];
	long version;

	if (query(handle, "PRAGMA user_version", answer, sizeof answer, e) < 0)
		return -1;
	version = strtol(answer, NULL, 10);
	if (version > SCHEMA_VERSION)
		return err_set(e, ENOTSUP,
		    "state.db was written by a newer layerfs (schema %ld)",
		    version);
	if (check_may_write(handle, vfs, e) < 0)
		return -1;
	/* Not quick_check: what an index says other than its table is found by
	 * who removes it, and would be found again after every start. */
	if (query(handle, "PRAGMA integrity_check(1)", answer, sizeof answer,
		e) < 0)
		return -1;
	if (strcmp(answer, "ok") != 0)
		return err_set(e, EBADMSG, "state.db: %s", answer);
	return upgrade(handle, version, e) < 0 ? -1 : db_check_rows(handle, e);
}

/* ---- opening ---- */

static int
open_file(sqlite3 **handle, const struct db_vfs *vfs, struct err *e)
{
	if (sqlite3_open_v2("state.db", handle,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
		    SQLITE_OPEN_NOMUTEX,
		vfs->name) != SQLITE_OK)
		return *handle != NULL ? db_fail(*handle, "open", e)
				       : err_set(e, ENOMEM, "state.db");
	sqlite3_busy_timeout(*handle, BUSY_MS);
	sqlite3_extended_result_codes(*handle, 1);
	/* FULL: what was answered survives a power cut.  containerd's own
	 * database does, and must not know of snapshots that ours forgot. */
	if (execute(*handle, "PRAGMA journal_mode = WAL", e) < 0 ||
	    execute(*handle, "PRAGMA synchronous = FULL", e) < 0)
		return -1;
	return check_schema(*handle, vfs, e);
}

/* The journal goes with the file: it would be played into the next one. */
static int
move_aside(int root, struct err *e)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	char from[32], to[48];
	int n = 0;

	do
		snprintf(to, sizeof to, "state.db.damaged-%d", ++n);
	while (n < DAMAGED_MAX && faccessat(root, to, F_OK, 0) == 0);
	for (size_t i = 0; i < 3; i++) {
		snprintf(from, sizeof from, "state.db%s", parts[i]);
		snprintf(to, sizeof to, "state.db.damaged-%d%s", n, parts[i]);
		if (renameat(root, from, root, to) < 0 && errno != ENOENT)
			return err_sys(e, "move %s aside", from);
	}
	log_warn("state.db is damaged (%s); kept as state.db.damaged-%d, "
		 "names and mounts start anew",
	    e->msg, n);
	return 0;
}

/* On a full disk, too, rows must be removed, or else nothing could be: so the
 * journal has its blocks beforehand. */
static void
reserve_journal(int root)
{
	AUTO_CLOSE int fd =
	    openat(root, "state.db-wal", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, JOURNAL_BYTES) != 0)
		log_debug("state.db: nothing is reserved: %m");
}

static int
open_or_begin_anew(struct db *d, int root, struct err *e)
{
	if (open_file(&d->handle, d->vfs, e) == 0)
		return 0;
	if (e->code != EBADMSG)
		return -1;
	sqlite3_close(take_ptr(&d->handle));
	if (move_aside(root, e) < 0)
		return -1;
	return open_file(&d->handle, d->vfs, e);
}

int
db_connect(struct db *d, int root, struct err *e)
{
	d->vfs = db_vfs_new(root, e);
	if (d->vfs == NULL || open_or_begin_anew(d, root, e) < 0)
		return -1;
	reserve_journal(root);
	return 0;
}
