#include "store/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/db_open.h"
#include "store/db_vfs.h"
#include "base/clock.h"
#include "base/err.h"

/* ---- life ---- */

struct db *
db_open(int root, struct err *e)
{
	struct db *d = calloc(1, sizeof *d);

	if (d == NULL) {
		err_set(e, ENOMEM, "state.db");
		return NULL;
	}
	lock_init(&d->lock, RANK_DB);
	cond_init(&d->free);
	if (db_connect(d, root, e) < 0) {
		db_close(d);
		return NULL;
	}
	return d;
}

void
db_close(struct db *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < DB_STATEMENT_COUNT; i++)
		sqlite3_finalize(d->statements[i]);
	/* Closing rolls an open transaction back. */
	sqlite3_close(d->handle);
	db_vfs_free(d->vfs);
	cond_destroy(&d->free);
	lock_destroy(&d->lock);
	free(d);
}

int
db_begin(struct db *d, struct err *e)
{
	return db_run(d, DB_BEGIN, NULL, 0, NULL, e);
}

int
db_commit(struct db *d, struct err *e)
{
	return db_run(d, DB_COMMIT, NULL, 0, NULL, e);
}

void
db_rollback(struct db *d)
{
	struct err ignored = ERR_INIT;

	db_run(d, DB_ROLLBACK, NULL, 0, NULL, &ignored);
}

int
db_check(struct db *d, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };
	const char *answer;

	/* What it has in memory says nothing of the disk. */
	lock_acquire(&d->lock);
	sqlite3_db_release_memory(d->handle);
	lock_release(&d->lock);
	if (db_run(d, DB_CHECK, NULL, 0, &rows, e) < 0)
		return -1;
	answer = db_rows_next(&rows) ? db_rows_text(&rows) : "";
	if (strcmp(answer, "ok") != 0)
		return err_set(e, EBADMSG, "state.db: %s", answer);
	return 0;
}

/* ---- references ---- */

int
db_set_reference(struct db *d, const struct db_reference *r, struct err *e)
{
	return db_run(d, DB_SET_REFERENCE,
	    DB_VALUES(DB_TEXT(r->name), DB_DIGEST(&r->manifest),
		DB_NUMBER(r->resolved_s)),
	    NULL, e);
}

int
db_get_reference(struct db *d, const char *name, struct digest *manifest,
    int64_t *resolved_s, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_GET_REFERENCE, DB_VALUES(DB_TEXT(name)), &rows, e) < 0)
		return -1;
	if (!db_rows_next(&rows))
		return err_set(e, ENOENT, "%s: not known here", name);
	if (db_rows_digest(&rows, manifest, e) < 0)
		return -1;
	*resolved_s = db_rows_number(&rows);
	return 0;
}

int
db_remove_reference(struct db *d, const char *name, struct err *e)
{
	return db_run(
	    d, DB_REMOVE_REFERENCE, DB_VALUES(DB_TEXT(name)), NULL, e);
}

int
db_each_reference(struct db *d,
    int (*fn)(void *ctx, const struct db_reference *r), void *ctx,
    struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };
	int rc = db_run(d, DB_EACH_REFERENCE, NULL, 0, &rows, e);

	while (rc == 0 && db_rows_next(&rows)) {
		struct db_reference r = { .name = db_rows_text(&rows) };

		if (db_rows_digest(&rows, &r.manifest, e) < 0)
			return -1;
		r.resolved_s = db_rows_number(&rows);
		rc = fn(ctx, &r);
	}
	return rc;
}

/* ---- layers ---- */

int
db_set_layer(struct db *d, const struct db_layer *l, struct err *e)
{
	return db_run(d, DB_SET_LAYER,
	    DB_VALUES(DB_DIGEST(&l->digest), DB_NUMBER((int64_t)l->blob_size),
		DB_TEXT(l->format), DB_TEXT(l->reason),
		DB_NUMBER(l->last_used_s)),
	    NULL, e);
}

int
db_touch_layer(struct db *d, const struct digest *layer, struct err *e)
{
	return db_run(d, DB_TOUCH_LAYER,
	    DB_VALUES(DB_DIGEST(layer), DB_NUMBER(clock_wall_s())), NULL, e);
}

int
db_remove_layer(struct db *d, const struct digest *layer, struct err *e)
{
	static const enum db_statement parts[] = { DB_REMOVE_SOURCES,
		DB_REMOVE_LAYER };

	return db_run_all(d, parts, 2, layer, e);
}

int
db_each_layer(struct db *d, int (*fn)(void *ctx, const struct db_layer *l),
    void *ctx, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };
	int rc = db_run(d, DB_EACH_LAYER, NULL, 0, &rows, e);

	while (rc == 0 && db_rows_next(&rows)) {
		struct db_layer l = { 0 };

		if (db_rows_digest(&rows, &l.digest, e) < 0)
			return -1;
		l.blob_size = db_rows_number(&rows);
		l.format = db_rows_text(&rows);
		l.reason = db_rows_text(&rows);
		l.last_used_s = db_rows_number(&rows);
		rc = fn(ctx, &l);
	}
	return rc;
}

int
db_each_orphan_layer(struct db *d,
    int (*fn)(void *ctx, const struct digest *layer), void *ctx, struct err *e)
{
	return db_each_digest(d, DB_EACH_ORPHAN_LAYER, fn, ctx, e);
}

int
db_count_layer_images(
    struct db *d, const struct digest *layer, unsigned *n, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };

	if (db_run(d, DB_COUNT_LAYER_IMAGES, DB_VALUES(DB_DIGEST(layer)), &rows,
		e) < 0)
		return -1;
	*n = db_rows_next(&rows) ? db_rows_number(&rows) : 0;
	return 0;
}

/* ---- sources ---- */

int
db_add_source(
    struct db *d, const struct digest *layer, const char *where, struct err *e)
{
	return db_run(d, DB_ADD_SOURCE,
	    DB_VALUES(DB_DIGEST(layer), DB_TEXT(where)), NULL, e);
}

int
db_each_source(struct db *d, const struct digest *layer,
    int (*fn)(void *ctx, const char *where), void *ctx, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };
	int rc =
	    db_run(d, DB_EACH_SOURCE, DB_VALUES(DB_DIGEST(layer)), &rows, e);

	while (rc == 0 && db_rows_next(&rows))
		rc = fn(ctx, db_rows_text(&rows));
	return rc;
}

/* ---- mounts ---- */

int
db_set_mount(struct db *d, const struct db_mount *m, struct err *e)
{
	return db_run(d, DB_SET_MOUNT,
	    DB_VALUES(DB_TEXT(m->id), DB_TEXT(m->target), DB_TEXT(m->options)),
	    NULL, e);
}

int
db_remove_mount(struct db *d, const char *id, struct err *e)
{
	return db_run(d, DB_REMOVE_MOUNT, DB_VALUES(DB_TEXT(id)), NULL, e);
}

int
db_each_mount(struct db *d, int (*fn)(void *ctx, const struct db_mount *m),
    void *ctx, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };
	int rc = db_run(d, DB_EACH_MOUNT, NULL, 0, &rows, e);

	while (rc == 0 && db_rows_next(&rows)) {
		struct db_mount m = { .id = db_rows_text(&rows) };

		m.target = db_rows_text(&rows);
		m.options = db_rows_text(&rows);
		rc = fn(ctx, &m);
	}
	return rc;
}

/* ---- fallbacks ---- */

int
db_set_fallback(struct db *d, const struct db_fallback *f, struct err *e)
{
	bool is_own;
	int rc;

	if (db_begin_own(d, &is_own, e) < 0)
		return -1;
	rc = db_run(d, DB_SET_FALLBACK,
	    DB_VALUES(DB_TEXT(f->label), DB_DIGEST(&f->layer),
		DB_TEXT(f->reason), DB_NUMBER(f->noted_s)),
	    NULL, e);
	if (rc == 0)
		rc = db_run(d, DB_TRIM_FALLBACKS,
		    DB_VALUES(DB_NUMBER(DB_FALLBACKS_MAX)), NULL, e);
	return db_end_own(d, is_own, rc, e);
}

int
db_each_fallback(struct db *d,
    int (*fn)(void *ctx, const struct db_fallback *f), void *ctx, struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };
	int rc = db_run(d, DB_EACH_FALLBACK, NULL, 0, &rows, e);

	while (rc == 0 && db_rows_next(&rows)) {
		struct db_fallback f = { .label = db_rows_text(&rows) };

		if (db_rows_digest(&rows, &f.layer, e) < 0)
			return -1;
		f.reason = db_rows_text(&rows);
		f.noted_s = db_rows_number(&rows);
		rc = fn(ctx, &f);
	}
	return rc;
}
