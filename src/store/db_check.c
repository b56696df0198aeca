#include "store/db_check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "store/db_open.h"
#include "base/err.h"

/* ---- statements ---- */

/* Whatever will be asked of it can be. */
static int
check_statements(sqlite3 *handle, struct err *e)
{
	for (size_t i = 0; i < DB_STATEMENT_COUNT; i++) {
		const char *sql = db_sql((enum db_statement)i);
		sqlite3_stmt *s = NULL;

		if (sqlite3_prepare_v2(handle, sql, -1, &s, NULL) != SQLITE_OK)
			return db_fail_schema(handle, sql, e);
		sqlite3_finalize(s);
	}
	return 0;
}

/* ---- rows ---- */

typedef int check_row(sqlite3_stmt *row, struct err *e);

/* Each row that the query gives. */
static int
check_each(sqlite3 *handle, const char *sql, check_row *check, struct err *e)
{
	sqlite3_stmt *s = NULL;
	int rc = SQLITE_ROW, bad = 0;

	if (sqlite3_prepare_v2(handle, sql, -1, &s, NULL) != SQLITE_OK)
		return db_fail_schema(handle, sql, e);
	while (bad == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW)
		bad = check(s, e);
	if (bad == 0 && rc != SQLITE_DONE)
		bad = db_fail(handle, sql, e);
	sqlite3_finalize(s);
	return bad;
}

static const char all_digests[] = "SELECT manifest FROM reference "
				  "UNION ALL SELECT manifest FROM image "
				  "UNION ALL SELECT manifest FROM image_layer "
				  "UNION ALL SELECT layer FROM image_layer "
				  "UNION ALL SELECT digest FROM layer "
				  "UNION ALL SELECT manifest FROM holder "
				  "UNION ALL SELECT manifest FROM chain "
				  "UNION ALL SELECT layer FROM fallback "
				  "UNION ALL SELECT digest FROM layer_use "
				  "UNION ALL SELECT manifest FROM layer_use";

/* Whoever reads one that is none fails, each time: most of them at every start. */
static int
check_digest(sqlite3_stmt *row, struct err *e)
{
	const char *text = (const char *)sqlite3_column_text(row, 0);
	struct digest d;

	if (digest_parse(&d, text != NULL ? text : "", e) == 0)
		return 0;
	e->code = EBADMSG;
	return err_wrap(e, "state.db");
}

/* Of the type that its column was declared with; whether it may be NULL, SQLite has
 * judged.  A text may be any bytes (what an error said, cut in the middle of a letter)
 * but has no NUL: who reads it would look for less than it is. */
static bool
is_value(sqlite3_stmt *row, int i)
{
	const char *declared = sqlite3_column_decltype(row, i);
	const char *text;

	if (declared == NULL)
		return false;
	switch (sqlite3_column_type(row, i)) {
	case SQLITE_NULL:
		return true;
	case SQLITE_INTEGER:
		return strcmp(declared, "INTEGER") == 0;
	case SQLITE_TEXT:
		text = (const char *)sqlite3_column_text(row, i);
		return strcmp(declared, "TEXT") == 0 && text != NULL &&
		       strlen(text) == (size_t)sqlite3_column_bytes(row, i);
	default:
		return false;
	}
}

static int
check_values(sqlite3_stmt *row, struct err *e)
{
	for (int i = 0; i < sqlite3_column_count(row); i++)
		if (!is_value(row, i))
			return err_set(e, EBADMSG,
			    "state.db: %s: a value of another type",
			    sqlite3_column_name(row, i));
	return 0;
}

/* SQLite would keep any value in any column, and does not find it by another
 * type. */
static int
check_all_values(sqlite3 *handle, struct err *e)
{
	static const char *const all[] = {
		"SELECT * FROM reference",
		"SELECT * FROM image",
		"SELECT * FROM image_layer",
		"SELECT * FROM layer",
		"SELECT * FROM source",
		"SELECT * FROM mount",
		"SELECT * FROM holder",
		"SELECT * FROM chain",
		"SELECT * FROM fallback",
		"SELECT * FROM snapshot",
		"SELECT * FROM layer_use",
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (check_each(handle, all[i], check_values, e) < 0)
			return -1;
	return 0;
}

/* Numbers that end in an error each time: no snapshot can be made after the last
 * number nor with one that is given, none with the name of one that is in no state,
 * and a use that is none never ends. */
static const char all_odd[] =
    "SELECT 'snapshot ' || number FROM snapshot "
    "WHERE number NOT BETWEEN 1 AND 1 << 62 OR state NOT BETWEEN 0 AND 2 "
    "OR layer < 0 "
    "UNION ALL SELECT 'numbers of snapshots' "
    "WHERE (SELECT coalesce(max(seq), 0) FROM sqlite_sequence "
    "WHERE name = 'snapshot') "
    "NOT BETWEEN (SELECT coalesce(max(number), 0) FROM snapshot) AND 1 << 62 "
    "UNION ALL SELECT 'use of ' || digest FROM layer_use "
    "WHERE layer < 0 OR uses < 1";

static int
refuse_row(sqlite3_stmt *row, struct err *e)
{
	return err_set(e, EBADMSG, "state.db: %s: not possible",
	    (const char *)sqlite3_column_text(row, 0));
}

int
db_check_rows(sqlite3 *handle, struct err *e)
{
	if (check_statements(handle, e) < 0 ||
	    check_all_values(handle, e) < 0 ||
	    check_each(handle, all_digests, check_digest, e) < 0)
		return -1;
	return check_each(handle, all_odd, refuse_row, e);
}
