/* What SQLite does not look at: its files have no checksums, and one bit makes
 * another name, digest or number.  Private to store/db*.c.
 */
#ifndef STORE_DB_CHECK_H
#define STORE_DB_CHECK_H

#include <sqlite3.h>

struct err;

/* Of a database that SQLite finds whole and that has the current schema: every
 * statement can be prepared, and no row breaks the rules that its readers go by.
 * Goes through all of it.  EBADMSG. */
int db_check_rows(sqlite3 *handle, struct err *e);

#endif
