/* The connection to state.db.  Private to store/db*.c. */
#ifndef STORE_DB_OPEN_H
#define STORE_DB_OPEN_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "store/db_rows.h"
#include "base/lock.h"

struct db_vfs;
struct err;

struct db {
	struct db_vfs *vfs;
	sqlite3 *handle;
	sqlite3_stmt *statements[DB_STATEMENT_COUNT]; /* made at first use */

	struct lock lock; /* RANK_DB, guards all */
	struct cond free; /* no transaction any more */
	bool is_in_transaction;
	pthread_t owner; /* of the transaction */
};

/* Opens ROOT/state.db with the current schema; what is damaged is moved
 * aside. */
int db_connect(struct db *d, int root, struct err *e);

/* sqlite's last error as one of ours: EBADMSG when the file is damaged. */
int db_fail(sqlite3 *handle, const char *what, struct err *e);
/* The same of a statement that could not be prepared.  Where sqlite finds no table
 * or column, or one too many, the file is damaged: it has no checksums, and one bit
 * makes another name. */
int db_fail_schema(sqlite3 *handle, const char *sql, struct err *e);

#endif
