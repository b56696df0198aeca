/* Runs statements under the lock, respecting whose transaction it is. */
#include "store/db_rows.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "store/db.h"
#include "store/db_open.h"
#include "base/err.h"
#include "base/limits.h"

#define ROWS_MAX_BYTES MIB(64) /* of one answer */

static const char *const sql_of[] = {
#define X(name, sql) [DB_##name] = (sql),
	DB_STATEMENTS(X)
#undef X
};

const char *
db_sql(enum db_statement which)
{
	return sql_of[which];
}

/* ---- rows ---- */

void
db_rows_release(struct db_rows *r)
{
	buf_release(&r->cells);
}

bool
db_rows_next(struct db_rows *r)
{
	return r->n > 0 && r->n-- > 0;
}

const char *
db_rows_text(struct db_rows *r)
{
	const char *text = (const char *)r->cells.data + r->next;

	assert(r->next < r->cells.len);
	r->next += strlen(text) + 1;
	return text;
}

int64_t
db_rows_number(struct db_rows *r)
{
	return strtoll(db_rows_text(r), NULL, 10);
}

int
db_rows_digest(struct db_rows *r, struct digest *d, struct err *e)
{
	if (digest_parse(d, db_rows_text(r), e) < 0) {
		e->code = EBADMSG;
		return err_wrap(e, "state.db");
	}
	return 0;
}

static int
copy_row(struct db_rows *r, sqlite3_stmt *s, struct err *e)
{
	for (int i = 0; i < sqlite3_column_count(s); i++) {
		const char *text = (const char *)sqlite3_column_text(s, i);

		if (text == NULL)
			text = "";
		if (buf_append(&r->cells, text, strlen(text) + 1, e) < 0)
			return err_wrap(e, "state.db");
	}
	r->n++;
	return 0;
}

/* ---- statements ---- */

static sqlite3_stmt *
prepare(struct db *d, enum db_statement which, struct err *e)
{
	sqlite3_stmt **s = &d->statements[which];

	if (*s == NULL && sqlite3_prepare_v3(d->handle, sql_of[which], -1,
			      SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK)
		db_fail(d->handle, sql_of[which], e);
	return *s;
}

static int
bind(struct db *d, sqlite3_stmt *s, const struct db_value *values, size_t n,
    struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct db_value *v = &values[i];
		int rc = v->text != NULL
			     ? sqlite3_bind_text(
				   s, i + 1, v->text, -1, SQLITE_STATIC)
			     : sqlite3_bind_int64(s, i + 1, v->number);

		if (rc != SQLITE_OK)
			return db_fail(d->handle, "bind", e);
	}
	return 0;
}

static int
step_all(struct db *d, sqlite3_stmt *s, struct db_rows *rows, struct err *e)
{
	for (;;) {
		int rc = sqlite3_step(s);

		if (rc == SQLITE_DONE)
			return 0;
		if (rc != SQLITE_ROW)
			return db_fail(d->handle, sqlite3_sql(s), e);
		if (rows != NULL && copy_row(rows, s, e) < 0)
			return -1;
	}
}

static bool
is_mine(const struct db *d)
{
	return d->is_in_transaction && pthread_equal(d->owner, pthread_self());
}

static void
note_transaction(struct db *d, enum db_statement which)
{
	if (which == DB_BEGIN) {
		d->is_in_transaction = true;
		d->owner = pthread_self();
	} else if (which == DB_COMMIT || which == DB_ROLLBACK) {
		d->is_in_transaction = false;
		cond_broadcast(&d->free);
	}
}

int
db_run(struct db *d, enum db_statement which, const struct db_value *values,
    size_t n, struct db_rows *rows, struct err *e)
{
	sqlite3_stmt *s;
	int rc = -1;
	LOCK_SCOPE(&d->lock);

	assert(which != DB_BEGIN || !is_mine(d));
	while (d->is_in_transaction && !is_mine(d))
		cond_wait(&d->free, &d->lock);
	if (rows != NULL)
		*rows = (struct db_rows){ .cells = BUF_INIT(ROWS_MAX_BYTES) };
	s = prepare(d, which, e);
	if (s != NULL && bind(d, s, values, n, e) == 0)
		rc = step_all(d, s, rows, e);
	if (s != NULL) {
		sqlite3_reset(s);
		sqlite3_clear_bindings(s);
	}
	/* A rollback ends the transaction whatever sqlite says: some errors
	 * have ended it already. */
	if (rc == 0 || which == DB_ROLLBACK)
		note_transaction(d, which);
	return rc;
}

static bool
is_in_transaction(struct db *d)
{
	LOCK_SCOPE(&d->lock);

	return is_mine(d);
}

int
db_begin_own(struct db *d, bool *is_own, struct err *e)
{
	*is_own = !is_in_transaction(d);
	return *is_own ? db_begin(d, e) : 0;
}

int
db_end_own(struct db *d, bool is_own, int rc, struct err *e)
{
	if (!is_own)
		return rc;
	if (rc == 0 && db_commit(d, e) == 0)
		return 0;
	db_rollback(d);
	return -1;
}

int
db_run_all(struct db *d, const enum db_statement *which, size_t n,
    const struct digest *digest, struct err *e)
{
	bool is_own;
	int rc = 0;

	if (db_begin_own(d, &is_own, e) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = db_run(d, which[i], DB_VALUES(DB_DIGEST(digest)), NULL, e);
	return db_end_own(d, is_own, rc, e);
}

int
db_rows_each_digest(struct db_rows *r,
    int (*fn)(void *ctx, const struct digest *digest), void *ctx, struct err *e)
{
	int rc = 0;

	while (rc == 0 && db_rows_next(r)) {
		struct digest digest;

		if (db_rows_digest(r, &digest, e) < 0)
			return -1;
		rc = fn(ctx, &digest);
	}
	return rc;
}

int
db_each_digest(struct db *d, enum db_statement which,
    int (*fn)(void *ctx, const struct digest *digest), void *ctx, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, which, NULL, 0, &rows, e) < 0)
		return -1;
	return db_rows_each_digest(&rows, fn, ctx, e);
}
