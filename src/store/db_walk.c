#include "store/db_walk.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/db.h"
#include "store/db_keep.h"
#include "store/db_snapshot.h"
#include "store/db_use.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

struct walk {
	struct db *db;
	bool is_removing; /* what is listed, */
	bool is_gone;     /* and then it is not any more */
	struct err e;
};

/* ---- what may be answered ---- */

static _Noreturn void
give_up(const struct err *e)
{
	fprintf(stderr, "%s (%d)\n", e->msg, e->code);
	abort();
}

/* Done, or the file is damaged. */
static int
done(const struct walk *w, int rc)
{
	if (rc == 0 || w->e.code == EBADMSG)
		return rc;
	give_up(&w->e);
}

/* That, or there is none. */
static int
done_or_none(struct walk *w, int rc)
{
	if (rc < 0 && w->e.code == ENOENT)
		return 0;
	return done(w, rc);
}

/* Asan sees where one does not end. */
static void
read_text(const char *s)
{
	assert(strlen(s) < MIB(64));
}

static int
see_text(void *ctx, const char *s)
{
	(void)ctx;
	read_text(s);
	return 0;
}

static int
see_digest(void *ctx, const struct digest *d)
{
	(void)ctx;
	read_text(DIGEST_TEXT(d));
	return 0;
}

/* ---- by a digest, of whatever it is ---- */

static int
look_up(struct walk *w, const struct digest *d)
{
	struct db *db = w->db;
	struct digest image;
	unsigned n;
	int position = 0;

	if (done(w, db_is_image_wanted(db, d, &w->e) < 0 ? -1 : 0) < 0 ||
	    done(w, db_each_image_alike(db, d, see_digest, w, &w->e)) < 0 ||
	    done(w, db_each_holder(db, d, see_text, w, &w->e)) < 0 ||
	    done(w, db_each_source(db, d, see_text, w, &w->e)) < 0 ||
	    done(w, db_count_layer_images(db, d, &n, &w->e)) < 0 ||
	    done_or_none(w, db_find_chain(db, d, &image, &position, &w->e)) < 0)
		return -1;
	assert(position >= 0);
	return 0;
}

/* What is added is what a mount of an image adds. */
static int
add(struct walk *w, const struct digest *d)
{
	struct db *db = w->db;
	const struct digest two[] = { *d, *d };
	const struct db_image i = { *d, "host/a:b", two, 2, two, 0 };
	const struct db_reference r = { i.label, *d, 1 };
	const struct db_layer l = { *d, 1 << 20, "tar+gzip", "", 1 };
	const struct db_fallback f = { i.label, *d, "why", 1 };

	if (done(w, db_set_image(db, &i, &w->e)) < 0 ||
	    done(w, db_note_move(db, r.name, d, &w->e)) < 0 ||
	    done(w, db_set_reference(db, &r, &w->e)) < 0 ||
	    done(w, db_add_holder(db, d, DB_PIN, &w->e)) < 0 ||
	    done(w, db_touch_image(db, d, &w->e)) < 0 ||
	    done(w, db_set_layer(db, &l, &w->e)) < 0 ||
	    done(w, db_touch_layer(db, d, &w->e)) < 0 ||
	    done(w, db_add_source(db, d, "host/a", &w->e)) < 0 ||
	    done(w, db_set_fallback(db, &f, &w->e)) < 0)
		return -1;
	return done(w, db_remove_holder(db, d, DB_PIN, &w->e));
}

/* ---- the lists ---- */

static int
see_reference(void *ctx, const struct db_reference *r)
{
	struct walk *w = ctx;
	struct digest manifest;
	int64_t resolved_s;

	assert(!w->is_gone);
	read_text(r->name);
	if (w->is_removing)
		return done(w, db_remove_reference(w->db, r->name, &w->e));
	if (done(w, db_get_reference(
			w->db, r->name, &manifest, &resolved_s, &w->e)) < 0)
		return -1;
	assert(digest_equal(&manifest, &r->manifest));
	assert(resolved_s == r->resolved_s);
	return look_up(w, &manifest);
}

static int
see_image(void *ctx, const struct db_image *i)
{
	struct walk *w = ctx;
	struct digest manifest;
	int64_t last_used_s;

	read_text(i->label);
	if (w->is_removing)
		return done(w, db_give_up_image(w->db, &i->manifest, &w->e));
	if (done(w, db_find_image_by_label(
			w->db, i->label, &manifest, &last_used_s, &w->e)) < 0)
		return -1;
	assert(last_used_s >= i->last_used_s);
	return look_up(w, &i->manifest);
}

static int
see_unwanted(void *ctx, const struct digest *manifest)
{
	struct walk *w = ctx;

	if (w->is_removing)
		return done(w, db_remove_image(w->db, manifest, &w->e));
	assert(db_is_image_wanted(w->db, manifest, &w->e) <= 0);
	return 0;
}

static int
see_layer(void *ctx, const struct db_layer *l)
{
	struct walk *w = ctx;

	read_text(l->format);
	read_text(l->reason);
	return look_up(w, &l->digest);
}

static int
see_layer_keep(void *ctx, const struct db_layer_keep *k)
{
	return look_up(ctx, &k->layer);
}

static int
see_orphan_layer(void *ctx, const struct digest *layer)
{
	struct walk *w = ctx;

	assert(!w->is_gone);
	return w->is_removing ? done(w, db_remove_layer(w->db, layer, &w->e))
			      : look_up(w, layer);
}

static int
see_fallback(void *ctx, const struct db_fallback *f)
{
	read_text(f->label);
	read_text(f->reason);
	return look_up(ctx, &f->layer);
}

static int
see_mount(void *ctx, const struct db_mount *m)
{
	struct walk *w = ctx;

	assert(!w->is_gone);
	read_text(m->id);
	read_text(m->target);
	read_text(m->options);
	return done(w, w->is_removing ? db_remove_mount(w->db, m->id, &w->e)
				      : db_set_mount(w->db, m, &w->e));
}

static int
see_use(void *ctx, const struct db_use *u)
{
	struct walk *w = ctx;
	int64_t uses = 0;

	read_text(u->reference);
	assert(u->layer >= 0 && u->uses > 0);
	if (w->is_removing)
		return done(w,
		    db_drop_use(w->db, u->reference, &u->digest, &uses, &w->e));
	if (done(w, db_add_use(w->db, u, &uses, &w->e)) < 0)
		return -1;
	assert(uses == u->uses + 1);
	return look_up(w, &u->manifest);
}

/* ---- snapshots ---- */

static void
assert_snapshot(const struct db_snapshot *s)
{
	assert(s->number > 0 && s->number < INT64_MAX);
	assert(s->layer >= 0);
	read_text(s->name);
	read_text(s->was);
	read_text(s->parent_name);
	read_text(s->labels);
	read_text(s->chain);
	read_text(s->image);
	read_text(s->image_label);
}

/* By all that it is known by. */
static int
find_snapshot(struct walk *w, const struct db_snapshot *s)
{
	AUTO_DB_SNAPSHOT struct db_snapshot a = { 0 }, b = { 0 }, c = { 0 };
	unsigned n;

	if (done(w, db_get_snapshot_number(w->db, s->number, &a, &w->e)) < 0)
		return -1;
	assert(a.number == s->number && strcmp(a.name, s->name) == 0);
	if (*s->name != 0 &&
	    done(w, db_get_snapshot(w->db, s->name, &b, &w->e)) < 0)
		return -1;
	assert(*s->name == 0 || b.number == s->number);
	if (s->state == SNAPSHOT_GONE &&
	    done(w, db_get_snapshot_gone(w->db, s->was, &c, &w->e)) < 0)
		return -1;
	return done(w, db_count_snapshot_children(w->db, s->number, &n, &w->e));
}

static int
find_chain(struct walk *w, const struct db_snapshot *s)
{
	AUTO_DB_SNAPSHOT struct db_snapshot found = { 0 };

	if (s->state != SNAPSHOT_THERE || *s->chain == 0)
		return 0;
	return done(w,
	    db_get_snapshot_chain(w->db, s->chain, s->parent, &found, &w->e));
}

static int
see_snapshot(void *ctx, const struct db_snapshot *s)
{
	struct walk *w = ctx;

	assert(!w->is_gone);
	assert_snapshot(s);
	if (w->is_removing)
		return done(w, db_delete_snapshot(w->db, s->number, &w->e));
	if (find_snapshot(w, s) < 0 || find_chain(w, s) < 0)
		return -1;
	return done(w, db_set_snapshot(w->db, s, &w->e));
}

/* Its number is new. */
static int
add_snapshot(struct walk *w, const char *name)
{
	const struct db_snapshot s = { .state = *name != 0 ? SNAPSHOT_THERE
							   : SNAPSHOT_GONE,
		.name = name,
		.was = "",
		.labels = "{}",
		.chain = "c",
		.image = "",
		.image_label = "" };
	AUTO_DB_SNAPSHOT struct db_snapshot found = { 0 };
	uint64_t number = 0;

	if (done(w, db_add_snapshot(w->db, &s, &number, &w->e)) < 0 ||
	    done(w, db_get_snapshot_number(w->db, number, &found, &w->e)) < 0)
		return -1;
	assert_snapshot(&found);
	return 0;
}

/* ---- all ---- */

static int
see_all(struct walk *w)
{
	struct db *d = w->db;
	struct err *e = &w->e;

	/* An image goes after its names, a layer after its images. */
	if (done(w, db_each_reference(d, see_reference, w, e)) < 0 ||
	    done(w, db_each_image(d, see_image, w, e)) < 0 ||
	    done(w, db_each_unwanted_image(d, see_unwanted, w, e)) < 0 ||
	    done(w, db_each_orphan_layer(d, see_orphan_layer, w, e)) < 0 ||
	    done(w, db_each_layer(d, see_layer, w, e)) < 0 ||
	    done(w, db_each_layer_keep(d, see_layer_keep, w, e)) < 0 ||
	    done(w, db_each_fallback(d, see_fallback, w, e)) < 0 ||
	    done(w, db_each_mount(d, see_mount, w, e)) < 0 ||
	    done(w, db_each_use(d, see_use, w, e)) < 0)
		return -1;
	for (int state = SNAPSHOT_MAKING; state <= SNAPSHOT_GONE; state++)
		if (done(w, db_each_snapshot(d, state, see_snapshot, w, e)) < 0)
			return -1;
	return 0;
}

static int
see_add_remove(struct walk *w)
{
	struct digest one;

	digest_of(&one, "one", 3);
	if (see_all(w) < 0 || add(w, &one) < 0 || add_snapshot(w, "") < 0 ||
	    see_all(w) < 0)
		return -1;
	w->is_removing = true;
	if (see_all(w) < 0)
		return -1;
	w->is_gone = true;
	if (see_all(w) < 0)
		return -1;
	/* So that all names are free. */
	return add_snapshot(w, "a");
}

/* One transaction: it takes a tenth of the time.  False: the file is damaged, and
 * the rest was left. */
static bool
walk(struct db *d)
{
	struct walk w = { .db = d };

	if (done(&w, db_begin(d, &w.e)) < 0)
		return false;
	if (see_add_remove(&w) == 0 && done(&w, db_commit(d, &w.e)) == 0)
		return true;
	db_rollback(d);
	return false;
}

/* NULL: a newer layerfs's, which is left alone. */
static struct db *
open_db(int root)
{
	struct err e = ERR_INIT;
	struct db *d = db_open(root, &e);

	if (d == NULL && e.code != ENOTSUP)
		give_up(&e);
	return d;
}

void
db_walk(int root)
{
	bool is_whole = false;

	log_set_level(LOG_LEVEL_ERROR);
	for (int life = 1; !is_whole; life++) {
		struct db *d = open_db(root);

		assert(life <= 2);
		is_whole = d == NULL || walk(d);
		db_close(d);
	}
}
