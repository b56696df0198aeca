#include "store/db_use.h"

#include <errno.h>

#include "store/db.h"
#include "store/db_rows.h"
#include "base/err.h"

/* 0 when there is no row. */
static int
count_uses(struct db *d, const char *reference, const struct digest *digest,
    int64_t *uses, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_GET_USE,
		DB_VALUES(DB_TEXT(reference), DB_DIGEST(digest)), &rows, e) < 0)
		return -1;
	*uses = db_rows_next(&rows) ? db_rows_number(&rows) : 0;
	return 0;
}

static int
add(struct db *d, const struct db_use *u, int64_t *uses, struct err *e)
{
	if (db_run(d, DB_ADD_USE,
		DB_VALUES(DB_TEXT(u->reference), DB_DIGEST(&u->digest),
		    DB_DIGEST(&u->manifest), DB_NUMBER(u->layer)),
		NULL, e) < 0)
		return -1;
	return count_uses(d, u->reference, &u->digest, uses, e);
}

int
db_add_use(struct db *d, const struct db_use *u, int64_t *uses, struct err *e)
{
	bool is_own;

	if (db_begin_own(d, &is_own, e) < 0)
		return -1;
	return db_end_own(d, is_own, add(d, u, uses, e), e);
}

static int
drop(struct db *d, const char *reference, const struct digest *digest,
    int64_t *uses, struct err *e)
{
	int64_t before;

	if (count_uses(d, reference, digest, &before, e) < 0)
		return -1;
	if (before == 0)
		return err_set(e, ENOENT, "%s of %s is not in use",
		    DIGEST_TEXT(digest), reference);
	*uses = before - 1;
	return db_run(d, *uses > 0 ? DB_LESS_USE : DB_REMOVE_USE,
	    DB_VALUES(DB_TEXT(reference), DB_DIGEST(digest)), NULL, e);
}

int
db_drop_use(struct db *d, const char *reference, const struct digest *digest,
    int64_t *uses, struct err *e)
{
	bool is_own;

	if (db_begin_own(d, &is_own, e) < 0)
		return -1;
	return db_end_own(d, is_own, drop(d, reference, digest, uses, e), e);
}

int
db_each_use(struct db *d, int (*fn)(void *ctx, const struct db_use *u),
    void *ctx, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };
	int rc = db_run(d, DB_EACH_USE, NULL, 0, &rows, e);

	while (rc == 0 && db_rows_next(&rows)) {
		struct db_use u = { .reference = db_rows_text(&rows) };

		if (db_rows_digest(&rows, &u.digest, e) < 0 ||
		    db_rows_digest(&rows, &u.manifest, e) < 0)
			return -1;
		u.layer = db_rows_number(&rows);
		u.uses = db_rows_number(&rows);
		rc = fn(ctx, &u);
	}
	return rc;
}
