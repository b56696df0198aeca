#include "store/db_keep.h"

#include "store/db.h"
#include "store/db_rows.h"
#include "base/clock.h"
#include "base/err.h"

int
db_touch_image(struct db *d, const struct digest *manifest, struct err *e)
{
	return db_run(d, DB_TOUCH_IMAGE,
	    DB_VALUES(DB_DIGEST(manifest), DB_NUMBER(clock_wall_s())), NULL, e);
}

int
db_each_layer_keep(struct db *d,
    int (*fn)(void *ctx, const struct db_layer_keep *k), void *ctx,
    struct err *e)
{
	AUTO_DB_ROWS struct db_rows rows = { 0 };
	int rc = db_run(d, DB_EACH_LAYER_KEEP, NULL, 0, &rows, e);

	while (rc == 0 && db_rows_next(&rows)) {
		struct db_layer_keep k = { 0 };

		if (db_rows_digest(&rows, &k.layer, e) < 0)
			return -1;
		k.is_pinned = db_rows_number(&rows) != 0;
		k.is_held = db_rows_number(&rows) != 0;
		k.last_used_s = db_rows_number(&rows);
		rc = fn(ctx, &k);
	}
	return rc;
}

int
db_note_move(struct db *d, const char *name, const struct digest *manifest,
    struct err *e)
{
	if (db_run(d, DB_NOTE_MOVED,
		DB_VALUES(DB_TEXT(name), DB_DIGEST(manifest)), NULL, e) < 0)
		return -1;
	return db_run(d, DB_UNDO_MOVED,
	    DB_VALUES(DB_TEXT(name), DB_DIGEST(manifest)), NULL, e);
}

int
db_give_up_image(struct db *d, const struct digest *manifest, struct err *e)
{
	static const enum db_statement parts[] = { DB_REMOVE_NAMES,
		DB_REMOVE_MOVED };

	return db_run_all(d, parts, 2, manifest, e);
}
