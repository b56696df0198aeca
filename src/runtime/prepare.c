/* Making snapshots: prepare, view, commit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/labels.h"
#include "runtime/lowers.h"
#include "runtime/snapshotter_private.h"
#include "layer/catalog.h"
#include "store/db.h"
#include "supervisor/agent.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/log.h"

/* Numbers that a Prepare tries, where others' folders have them. */
enum { NUMBERS_MAX = 100 };

/* ---- the row ---- */

struct making {
	const struct snapshot_request *request;
	const char *labels; /* JSON */
	uint64_t number;    /* of the row that was made, or answers */
	uint32_t uid, gid;  /* of the folder's root */
	uint64_t like;      /* a snapshot whose folder's owner is right; or 0 */
	bool has_folder;
	bool is_repeated; /* an earlier life made it */
	bool is_taken;    /* another's folder has the number */
};

/* The root folder is its container's root's, where labels say who that is; else
 * whoever owns the one below.  A folder may have been given away since. */
static int
choose_owner(struct making *m, const struct db_snapshot *parent, struct err *e)
{
	struct label_maps maps;
	bool is_mapped;

	if (labels_find_maps(m->request->labels, &maps, &is_mapped, e) < 0)
		return -1;
	m->uid = is_mapped ? label_map_root(&maps.uids) : parent->uid;
	m->gid = is_mapped ? label_map_root(&maps.gids) : parent->gid;
	if (!is_mapped && parent->number != 0 && *parent->image == 0)
		m->like = parent->number;
	return 0;
}

static int
find_parent(
    struct snapshotter *s, struct making *m, uint64_t *number, struct err *e)
{
	const char *parent = m->request->parent;
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	if (*parent != 0) {
		if (snapshot_find(s, parent, &row, e) < 0)
			return err_wrap(e, "parent");
		if (row.kind != SNAPSHOT_COMMITTED)
			return err_set(e, EINVAL,
			    "parent %.200s is not a committed snapshot",
			    parent);
	}
	*number = row.number;
	return choose_owner(m, &row, e);
}

/* The very snapshot, by an earlier life whose answer may not have arrived. */
static bool
is_repeat(struct snapshotter *s, const struct making *m,
    const struct db_snapshot *row, uint64_t parent)
{
	struct err e = ERR_INIT;
	AUTO_DOC struct doc *labels = NULL;

	if (row->state != SNAPSHOT_THERE ||
	    row->kind != (int)m->request->kind || row->parent != parent ||
	    !snapshot_is_unanswered(s, row))
		return false;
	labels = snapshot_labels(row, &e);
	return labels != NULL && labels_equal(labels, m->request->labels);
}

static int
take_repeated(struct snapshotter *s, struct making *m, struct db_snapshot *row,
    struct err *e)
{
	row->life = s->life;
	m->number = row->number;
	m->is_repeated = true;
	return db_set_snapshot(s->parts.db, row, e);
}

/* In a transaction. */
static int
make_row(struct snapshotter *s, void *ctx, struct err *e)
{
	struct making *m = ctx;
	AUTO_DB_SNAPSHOT struct db_snapshot old = { 0 };
	struct err missing = ERR_INIT;
	struct db_snapshot row = {
		.state = m->has_folder ? SNAPSHOT_MAKING : SNAPSHOT_THERE,
		.kind = m->request->kind,
		.life = s->life,
		.created_ns = clock_wall_ns(),
		.bytes = -1,
		.inodes = -1,
		.name = m->request->key,
		.was = "",
		.labels = m->labels,
		.chain = "",
		.image = "",
		.image_label = "",
	};

	if (find_parent(s, m, &row.parent, e) < 0)
		return -1;
	if (db_get_snapshot(s->parts.db, row.name, &old, &missing) == 0)
		return is_repeat(s, m, &old, row.parent)
			   ? take_repeated(s, m, &old, e)
			   : err_set(
				 e, EEXIST, "snapshot %.200s exists", row.name);
	row.updated_ns = row.created_ns;
	row.uid = m->uid;
	row.gid = m->gid;
	return db_add_snapshot(s->parts.db, &row, &m->number, e);
}

/* ---- the folder ---- */

static int
finish_row(struct snapshotter *s, void *ctx, struct err *e)
{
	const struct making *m = ctx;
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	if (db_get_snapshot_number(s->parts.db, m->number, &row, e) < 0)
		return -1;
	row.state = SNAPSHOT_THERE;
	return db_set_snapshot(s->parts.db, &row, e);
}

static int
abandon_row(struct snapshotter *s, void *ctx, struct err *e)
{
	const struct making *m = ctx;
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	/* What is gone takes its folder along. */
	if (m->is_taken)
		return db_delete_snapshot(s->parts.db, m->number, e);
	if (db_get_snapshot_number(s->parts.db, m->number, &row, e) < 0)
		return -1;
	return row.state == SNAPSHOT_GONE ? 0 : snapshot_mark_gone(s, &row, e);
}

static void
abandon(struct snapshotter *s, struct making *m)
{
	struct err e = ERR_INIT;

	/* ENOENT: it was a view, removed meanwhile. */
	if (snapshot_transact(s, abandon_row, m, &e) < 0 && e.code != ENOENT)
		log_warn("snapshot %s: %s", m->request->key, e.msg);
	lowers_end(s->lowers, m->number);
	snapshot_poke_reaper(s);
}

static int
make_folder(struct snapshotter *s, struct making *m, struct err *e)
{
	struct agent_snapshot_options o = {
		.uid = m->uid,
		.gid = m->gid,
		.like = m->like,
		.with_work = m->request->kind == SNAPSHOT_ACTIVE,
	};

	if (agent_make_snapshot(s->parts.agent, m->number, &o, e) == 0)
		return 0;
	/* The number is new: the folder is of a state.db that was lost, and a
	 * container may still write into it.  Not EEXIST: that would say that
	 * the snapshot is there. */
	m->is_taken = e->code == EEXIST;
	if (m->is_taken)
		e->code = EIO;
	return -1;
}

static int
publish(struct snapshotter *s, struct making *m, const struct db_snapshot *row,
    struct err *e)
{
	return row->state == SNAPSHOT_MAKING
		   ? snapshot_transact(s, finish_row, m, e)
		   : snapshot_check_there(s, row, e);
}

/* Folder and lower ones; only then is it there. */
static int
finish(struct snapshotter *s, struct making *m, struct snapshot_mount *out,
    struct err *e)
{
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	if (m->has_folder && !m->is_repeated && make_folder(s, m, e) < 0)
		return -1;
	if (db_get_snapshot_number(s->parts.db, m->number, &row, e) < 0 ||
	    snapshot_mount(s, &row, out, e) < 0)
		return -1;
	if (publish(s, m, &row, e) == 0)
		return 0;
	snapshot_mount_release(out);
	return -1;
}

static int
make_numbered(struct snapshotter *s, struct making *m,
    struct snapshot_mount *out, struct err *e)
{
	if (snapshot_transact(s, make_row, m, e) < 0)
		return -1;
	if (finish(s, m, out, e) == 0)
		return 0;
	if (!m->is_repeated)
		abandon(s, m);
	return -1;
}

static int
make(struct snapshotter *s, const struct snapshot_request *q,
    struct snapshot_mount *out, struct err *e)
{
	AUTO_FREE char *labels = doc_to_json(q->labels, false);
	struct making m = {
		.request = q,
		.labels = labels,
		.has_folder = q->kind == SNAPSHOT_ACTIVE || *q->parent == 0,
	};

	for (int tries = NUMBERS_MAX; tries > 0; tries--) {
		m.is_taken = false;
		if (make_numbered(s, &m, out, e) == 0)
			return 0;
		if (!m.is_taken)
			return -1;
	}
	return -1;
}

/* ---- prepare ---- */

/* What is told to people when a layer is not lazy. */
static void
note_fallback(struct snapshotter *s, const struct remote_request *r,
    const struct err *why)
{
	const struct digest *layer = r->has_layer ? &r->layer : &r->chain;

	/* A chain alone is asked for by clients that have no idea whether it
	 * is known. */
	if (r->reference == NULL) {
		log_debug("chain %s: %s", DIGEST_TEXT(&r->chain), why->msg);
		return;
	}
	catalog_note_fallback(s->parts.catalog, r->reference, layer, why->msg);
}

/* EEXIST: the layer that is asked for is there.  0: it is not, or none is. */
static int
try_remote(
    struct snapshotter *s, const struct snapshot_request *q, struct err *e)
{
	struct remote_request r;
	struct err why = ERR_INIT;
	bool is_remote = false;

	if (q->kind != SNAPSHOT_ACTIVE)
		return 0;
	if (labels_find_remote(q->labels, &r, &is_remote, &why) < 0) {
		log_info("snapshot %s: %s", q->key, why.msg);
		return 0;
	}
	if (!is_remote)
		return 0;
	if (snapshot_make_remote(s, q, &r, &why) == 0)
		return err_set(e, EEXIST, "a snapshot of the chain %s is here",
		    DIGEST_TEXT(&r.chain));
	note_fallback(s, &r, &why);
	return 0;
}

int
snapshotter_prepare(struct snapshotter *s, const struct snapshot_request *q,
    struct snapshot_mount *out, struct err *e)
{
	*out = (struct snapshot_mount){ 0 };
	if (snapshot_check_name(q->key, e) < 0 || try_remote(s, q, e) < 0)
		return -1;
	return make(s, q, out, e);
}

/* ---- commit ---- */

struct committing {
	const char *key, *name;
	const struct doc *labels;
	const char *text; /* of the labels */
	uint64_t number;
};

/* The name is taken: by an earlier life's very commit? */
static int
take_committed(struct snapshotter *s, struct committing *c,
    struct db_snapshot *row, struct err *e)
{
	if (row->kind != SNAPSHOT_COMMITTED || strcmp(row->was, c->key) != 0 ||
	    !snapshot_is_unanswered(s, row))
		return err_set(e, EEXIST, "snapshot %.200s exists", c->name);
	c->number = row->number;
	row->life = s->life;
	return db_set_snapshot(s->parts.db, row, e);
}

static int
commit_row(struct snapshotter *s, void *ctx, struct err *e)
{
	struct committing *c = ctx;
	AUTO_DB_SNAPSHOT struct db_snapshot taken = { 0 };
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	if (db_get_snapshot(s->parts.db, c->name, &taken, &(struct err){ 0 }) ==
	    0)
		return take_committed(s, c, &taken, e);
	if (snapshot_find(s, c->key, &row, e) < 0)
		return -1;
	if (row.kind != SNAPSHOT_ACTIVE)
		return err_set(
		    e, EBUSY, "snapshot %.200s is not active", c->key);
	c->number = row.number;
	row.kind = SNAPSHOT_COMMITTED;
	row.was = row.name;
	row.name = c->name;
	row.labels = c->text;
	row.chain = snapshot_chain(c->labels);
	row.created_ns = row.updated_ns = clock_wall_ns();
	row.life = s->life;
	return db_set_snapshot(s->parts.db, &row, e);
}

int
snapshotter_commit(struct snapshotter *s, const char *key, const char *name,
    struct doc *labels, struct err *e)
{
	AUTO_FREE char *text = doc_to_json(labels, false);
	struct committing c = { key, name, labels, text, 0 };

	if (snapshot_check_name(name, e) < 0 ||
	    snapshot_transact(s, commit_row, &c, e) < 0)
		return -1;
	lowers_end(s->lowers, c.number);
	snapshot_poke_reaper(s);
	return 0;
}
