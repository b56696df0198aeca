/* Images, their chains, and who holds them. */
#include <errno.h>

#include "store/db.h"
#include "store/db_rows.h"
#include "base/clock.h"
#include "base/err.h"

static const enum db_statement image_parts[] = { DB_REMOVE_CHAINS,
	DB_REMOVE_IMAGE_LAYERS, DB_REMOVE_IMAGE };

enum { N_IMAGE_PARTS = sizeof image_parts / sizeof *image_parts };

static int
add_digests(struct db *d, enum db_statement which,
    const struct digest *manifest, const struct digest *digests, unsigned n,
    struct err *e)
{
	for (unsigned i = 0; i < n; i++)
		if (db_run(d, which,
			DB_VALUES(DB_DIGEST(manifest), DB_NUMBER(i),
			    DB_DIGEST(&digests[i])),
			NULL, e) < 0)
			return -1;
	return 0;
}

static int
replace_image(struct db *d, const struct db_image *i, struct err *e)
{
	if (db_run_all(d, image_parts, N_IMAGE_PARTS, &i->manifest, e) < 0 ||
	    db_run(d, DB_SET_IMAGE,
		DB_VALUES(DB_DIGEST(&i->manifest), DB_NUMBER(clock_wall_s()),
		    DB_TEXT(i->label)),
		NULL, e) < 0 ||
	    add_digests(d, DB_ADD_IMAGE_LAYER, &i->manifest, i->layers,
		i->n_layers, e) < 0)
		return -1;
	return i->chain_ids == NULL ? 0
				    : add_digests(d, DB_ADD_CHAIN, &i->manifest,
					  i->chain_ids, i->n_layers, e);
}

int
db_set_image(struct db *d, const struct db_image *i, struct err *e)
{
	bool is_own;

	if (db_begin_own(d, &is_own, e) < 0)
		return -1;
	return db_end_own(d, is_own, replace_image(d, i, e), e);
}

int
db_find_image_by_label(struct db *d, const char *label, struct digest *manifest,
    int64_t *last_used_s, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_FIND_IMAGE_BY_LABEL, DB_VALUES(DB_TEXT(label)), &rows,
		e) < 0)
		return -1;
	if (!db_rows_next(&rows))
		return err_set(e, ENOENT, "%s: not known here", label);
	if (db_rows_digest(&rows, manifest, e) < 0)
		return -1;
	*last_used_s = db_rows_number(&rows);
	return 0;
}

int
db_remove_image(struct db *d, const struct digest *manifest, struct err *e)
{
	return db_run_all(d, image_parts, N_IMAGE_PARTS, manifest, e);
}

int
db_each_image(struct db *d, int (*fn)(void *ctx, const struct db_image *i),
    void *ctx, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };
	int rc = db_run(d, DB_EACH_IMAGE, NULL, 0, &rows, e);

	while (rc == 0 && db_rows_next(&rows)) {
		struct db_image i = { 0 };

		if (db_rows_digest(&rows, &i.manifest, e) < 0)
			return -1;
		i.last_used_s = db_rows_number(&rows);
		i.label = db_rows_text(&rows);
		rc = fn(ctx, &i);
	}
	return rc;
}

int
db_each_image_alike(struct db *d, const struct digest *manifest,
    int (*fn)(void *ctx, const struct digest *manifest), void *ctx,
    struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_EACH_IMAGE_ALIKE, DB_VALUES(DB_DIGEST(manifest)),
		&rows, e) < 0)
		return -1;
	return db_rows_each_digest(&rows, fn, ctx, e);
}

int
db_is_image_wanted(struct db *d, const struct digest *manifest, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_IS_IMAGE_WANTED, DB_VALUES(DB_DIGEST(manifest)), &rows,
		e) < 0)
		return -1;
	return db_rows_next(&rows) && db_rows_number(&rows) != 0;
}

int
db_each_unwanted_image(struct db *d,
    int (*fn)(void *ctx, const struct digest *manifest), void *ctx,
    struct err *e)
{
	return db_each_digest(d, DB_EACH_UNWANTED_IMAGE, fn, ctx, e);
}

/* ---- chains ---- */

int
db_find_chain(struct db *d, const struct digest *chain_id,
    struct digest *manifest, int *position, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_FIND_CHAIN, DB_VALUES(DB_DIGEST(chain_id)), &rows, e) <
	    0)
		return -1;
	if (!db_rows_next(&rows))
		return err_set(e, ENOENT, "no image has the chain %s",
		    DIGEST_TEXT(chain_id));
	if (db_rows_digest(&rows, manifest, e) < 0)
		return -1;
	*position = db_rows_number(&rows);
	return 0;
}

/* ---- holders ---- */

static int
add_holder(
    struct db *d, const struct digest *manifest, const char *who, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_FIND_IMAGE, DB_VALUES(DB_DIGEST(manifest)), &rows, e) <
	    0)
		return -1;
	if (!db_rows_next(&rows))
		return err_set(
		    e, ENOENT, "image %s is not here", DIGEST_TEXT(manifest));
	return db_run(d, DB_ADD_HOLDER,
	    DB_VALUES(DB_DIGEST(manifest), DB_TEXT(who)), NULL, e);
}

int
db_add_holder(
    struct db *d, const struct digest *manifest, const char *who, struct err *e)
{
	bool is_own;

	if (db_begin_own(d, &is_own, e) < 0)
		return -1;
	return db_end_own(d, is_own, add_holder(d, manifest, who, e), e);
}

int
db_remove_holder(
    struct db *d, const struct digest *manifest, const char *who, struct err *e)
{
	return db_run(d, DB_REMOVE_HOLDER,
	    DB_VALUES(DB_DIGEST(manifest), DB_TEXT(who)), NULL, e);
}

int
db_each_holder(struct db *d, const struct digest *manifest,
    int (*fn)(void *ctx, const char *who), void *ctx, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };
	int rc =
	    db_run(d, DB_EACH_HOLDER, DB_VALUES(DB_DIGEST(manifest)), &rows, e);

	while (rc == 0 && db_rows_next(&rows))
		rc = fn(ctx, db_rows_text(&rows));
	return rc;
}
