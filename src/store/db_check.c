#include "store/db_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/db_open.h"
#include "base/err.h"

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
check_digests(sqlite3 *handle, struct err *e)
{
	sqlite3_stmt *s = NULL;
	struct digest d;
	int rc, bad = 0;

	if (sqlite3_prepare_v2(handle, all_digests, -1, &s, NULL) != SQLITE_OK)
		return db_fail_schema(handle, all_digests, e);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW && bad == 0) {
		const char *text = (const char *)sqlite3_column_text(s, 0);

		bad = digest_parse(&d, text != NULL ? text : "", e);
	}
	if (bad == 0 && rc != SQLITE_DONE)
		bad = db_fail(handle, all_digests, e);
	else if (bad < 0)
		e->code = EBADMSG;
	sqlite3_finalize(s);
	return bad < 0 ? err_wrap(e, "state.db") : 0;
}

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

int
db_check_rows(sqlite3 *handle, struct err *e)
{
	return check_statements(handle, e) < 0 ? -1 : check_digests(handle, e);
}
