#include "store/db_snapshot.h"

#include <errno.h>

#include "store/db.h"
#include "store/db_rows.h"
#include "base/err.h"

void
db_snapshot_release(struct db_snapshot *s)
{
	buf_release(&s->cells);
}

/* The cells of DB_SNAPSHOT_COLUMNS, which the row's texts point into. */
static void
read_row(struct db_rows *r, struct db_snapshot *s)
{
	s->number = db_rows_number(r);
	s->parent = db_rows_number(r);
	s->state = db_rows_number(r);
	s->kind = db_rows_number(r);
	s->life = db_rows_number(r);
	s->created_ns = db_rows_number(r);
	s->updated_ns = db_rows_number(r);
	s->bytes = db_rows_number(r);
	s->inodes = db_rows_number(r);
	s->uid = db_rows_number(r);
	s->gid = db_rows_number(r);
	s->name = db_rows_text(r);
	s->was = db_rows_text(r);
	s->parent_name = db_rows_text(r);
	s->labels = db_rows_text(r);
	s->chain = db_rows_text(r);
	s->image = db_rows_text(r);
	s->layer = db_rows_number(r);
	s->image_label = db_rows_text(r);
}

/* In the order of the statements' parameters. */
#define ROW_VALUES(s)                                                          \
	DB_NUMBER((int64_t)(s)->number), DB_NUMBER((int64_t)(s)->parent),      \
	    DB_NUMBER((s)->state), DB_NUMBER((s)->kind), DB_NUMBER((s)->life), \
	    DB_NUMBER((s)->created_ns), DB_NUMBER((s)->updated_ns),            \
	    DB_NUMBER((s)->bytes), DB_NUMBER((s)->inodes),                     \
	    DB_NUMBER((s)->uid), DB_NUMBER((s)->gid), DB_TEXT((s)->name),      \
	    DB_TEXT((s)->was), DB_TEXT((s)->labels), DB_TEXT((s)->chain),      \
	    DB_TEXT((s)->image), DB_NUMBER((s)->layer),                        \
	    DB_TEXT((s)->image_label)

static int
add_row(
    struct db *d, const struct db_snapshot *s, uint64_t *number, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_ADD_SNAPSHOT, DB_VALUES(ROW_VALUES(s)), NULL, e) < 0 ||
	    db_run(d, DB_LAST_NUMBER, NULL, 0, &rows, e) < 0)
		return -1;
	*number = db_rows_next(&rows) ? db_rows_number(&rows) : 0;
	return 0;
}

int
db_add_snapshot(
    struct db *d, const struct db_snapshot *s, uint64_t *number, struct err *e)
{
	bool is_own;

	if (db_begin_own(d, &is_own, e) < 0)
		return -1;
	return db_end_own(d, is_own, add_row(d, s, number, e), e);
}

int
db_set_snapshot(struct db *d, const struct db_snapshot *s, struct err *e)
{
	return db_run(d, DB_SET_SNAPSHOT, DB_VALUES(ROW_VALUES(s)), NULL, e);
}

int
db_delete_snapshot(struct db *d, uint64_t number, struct err *e)
{
	return db_run(d, DB_DELETE_SNAPSHOT,
	    DB_VALUES(DB_NUMBER((int64_t)number)), NULL, e);
}

/* ---- reading ---- */

/* The answer's first row, which takes the cells. */
static int
take_row(struct db_rows *rows, struct db_snapshot *out, const char *what,
    struct err *e)
{
	if (!db_rows_next(rows))
		return err_set(
		    e, ENOENT, "snapshot %.200s does not exist", what);
	read_row(rows, out);
	out->cells = rows->cells;
	rows->cells = BUF_INIT(0);
	return 0;
}

int
db_get_snapshot(
    struct db *d, const char *name, struct db_snapshot *out, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_GET_SNAPSHOT, DB_VALUES(DB_TEXT(name)), &rows, e) < 0)
		return -1;
	return take_row(&rows, out, name, e);
}

int
db_get_snapshot_number(
    struct db *d, uint64_t number, struct db_snapshot *out, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_GET_SNAPSHOT_NUMBER,
		DB_VALUES(DB_NUMBER((int64_t)number)), &rows, e) < 0)
		return -1;
	return take_row(&rows, out, "by number", e);
}

int
db_get_snapshot_gone(
    struct db *d, const char *was, struct db_snapshot *out, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_GET_SNAPSHOT_GONE, DB_VALUES(DB_TEXT(was)), &rows, e) <
	    0)
		return -1;
	return take_row(&rows, out, was, e);
}

int
db_get_snapshot_chain(struct db *d, const char *chain, uint64_t parent,
    struct db_snapshot *out, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_GET_SNAPSHOT_CHAIN,
		DB_VALUES(DB_TEXT(chain), DB_NUMBER((int64_t)parent)), &rows,
		e) < 0)
		return -1;
	return take_row(&rows, out, chain, e);
}

int
db_count_snapshot_children(
    struct db *d, uint64_t parent, unsigned *n, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_COUNT_SNAPSHOT_CHILDREN,
		DB_VALUES(DB_NUMBER((int64_t)parent)), &rows, e) < 0)
		return -1;
	*n = db_rows_next(&rows) ? db_rows_number(&rows) : 0;
	return 0;
}

int
db_each_snapshot(struct db *d, enum db_snapshot_state state,
    int (*fn)(void *ctx, const struct db_snapshot *s), void *ctx, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };
	int rc =
	    db_run(d, DB_EACH_SNAPSHOT, DB_VALUES(DB_NUMBER(state)), &rows, e);

	while (rc == 0 && db_rows_next(&rows)) {
		struct db_snapshot s = { 0 };

		read_row(&rows, &s);
		rc = fn(ctx, &s);
	}
	return rc;
}
