/* Life, and looking: stat, list, update. */
#include "runtime/snapshotter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "runtime/chain.h"
#include "runtime/filter.h"
#include "runtime/labels.h"
#include "runtime/lowers.h"
#include "runtime/pulls.h"
#include "runtime/snapshotter_private.h"
#include "store/db.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/log.h"

enum { NAME_BYTES_MAX = 1024, UNANSWERED_S = 10 };

/* ---- rows ---- */

int
snapshot_check_name(const char *name, struct err *e)
{
	size_t n = strlen(name);

	if (n == 0 || n > NAME_BYTES_MAX)
		return err_set(e, EINVAL,
		    "a snapshot's name has from 1 to %d bytes", NAME_BYTES_MAX);
	return 0;
}

int
snapshot_find(struct snapshotter *s, const char *key, struct db_snapshot *out,
    struct err *e)
{
	if (db_get_snapshot(s->parts.db, key, out, e) < 0)
		return -1;
	if (out->state == SNAPSHOT_THERE)
		return 0;
	return err_set(e, ENOENT, "snapshot %.200s is still being made", key);
}

bool
snapshot_is_unanswered(
    const struct snapshotter *s, const struct db_snapshot *row)
{
	int64_t age_ns = clock_wall_ns() - row->updated_ns;

	return row->life != s->life && age_ns >= 0 &&
	       age_ns < UNANSWERED_S * (int64_t)NS_PER_S;
}

struct doc *
snapshot_labels(const struct db_snapshot *row, struct err *e)
{
	struct doc *labels = labels_parse(row->labels, e);

	if (labels == NULL)
		err_wrap(e, "labels of snapshot %s", row->name);
	return labels;
}

const char *
snapshot_chain(const struct doc *labels)
{
	const char *chain = doc_string(doc_find(labels, LABEL_CHAIN));

	return chain == NULL ? "" : chain;
}

int
snapshot_transact(struct snapshotter *s,
    int (*fn)(struct snapshotter *s, void *ctx, struct err *e), void *ctx,
    struct err *e)
{
	if (db_begin(s->parts.db, e) < 0)
		return -1;
	if (fn(s, ctx, e) == 0 && db_commit(s->parts.db, e) == 0)
		return 0;
	db_rollback(s->parts.db);
	return -1;
}

/* ---- info ---- */

void
snapshot_info_release(struct snapshot_info *i)
{
	free(i->name);
	free(i->parent);
	doc_unref(i->labels);
	*i = (struct snapshot_info){ 0 };
}

static int
fill_info(
    struct snapshot_info *out, const struct db_snapshot *row, struct err *e)
{
	*out = (struct snapshot_info){
		.name = strdup(row->name),
		.parent = strdup(row->parent_name),
		.kind = row->kind,
		.created_ns = row->created_ns,
		.updated_ns = row->updated_ns,
		.labels = snapshot_labels(row, e),
	};
	if (out->name != NULL && out->parent != NULL && out->labels != NULL)
		return 0;
	if (out->labels != NULL)
		err_set(e, ENOMEM, "snapshot %s", row->name);
	snapshot_info_release(out);
	return -1;
}

int
snapshotter_stat(struct snapshotter *s, const char *key,
    struct snapshot_info *out, struct err *e)
{
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	if (snapshot_find(s, key, &row, e) < 0)
		return -1;
	return fill_info(out, &row, e);
}

/* ---- list ---- */

/* "" for one that is none: state.db has no checksums. */
static const char *
name_kind(int kind)
{
	static const char *const kinds[] = { "", "view", "active",
		"committed" };

	return kinds[kind >= SNAPSHOT_VIEW && kind <= SNAPSHOT_COMMITTED ? kind
									 : 0];
}

static const char *
get_field(const void *subject, const char *field, const char *rest)
{
	const struct snapshot_info *i = subject;

	if (strcmp(field, "name") == 0)
		return i->name;
	if (strcmp(field, "parent") == 0)
		return i->parent;
	if (strcmp(field, "kind") == 0)
		return name_kind(i->kind);
	if (strcmp(field, "labels") == 0)
		return doc_string(doc_find(i->labels, rest));
	return NULL;
}

struct listing {
	const struct filter *filter;
	int (*fn)(void *ctx, const struct snapshot_info *i);
	void *ctx;
	struct err *e;
};

static int
list_row(void *ctx, const struct db_snapshot *row)
{
	struct listing *l = ctx;
	AUTO_SNAPSHOT_INFO struct snapshot_info i = { 0 };

	if (fill_info(&i, row, l->e) < 0)
		return -1;
	return filter_matches(l->filter, get_field, &i) ? l->fn(l->ctx, &i) : 0;
}

int
snapshotter_list(struct snapshotter *s, const char *const *filters,
    size_t n_filters, int (*fn)(void *ctx, const struct snapshot_info *i),
    void *ctx, struct err *e)
{
	AUTO_FILTER struct filter *f = filter_parse(filters, n_filters, e);
	struct listing l = { f, fn, ctx, e };

	if (f == NULL)
		return -1;
	return db_each_snapshot(s->parts.db, SNAPSHOT_THERE, list_row, &l, e);
}

/* ---- update ---- */

static int
update_field(
    struct doc *labels, struct doc *given, const char *field, struct err *e)
{
	const char *key = field + strlen("labels.");
	const char *value;

	if (strncmp(field, "labels.", strlen("labels.")) != 0)
		return err_set(e, EINVAL,
		    "the field \"%.100s\" of a snapshot cannot be changed",
		    field);
	value = doc_string(doc_find(given, key));
	return labels_set(labels, key, value == NULL ? "" : value, e);
}

static bool
has_all_labels(const struct snapshot_update *u)
{
	for (size_t i = 0; i < u->n_fields; i++)
		if (strcmp(u->fields[i], "labels") == 0)
			return true;
	return u->n_fields == 0;
}

/* The labels as they are to be. */
static struct doc *
update_labels(const struct snapshot_update *u, const struct db_snapshot *row,
    struct err *e)
{
	AUTO_DOC struct doc *labels =
	    has_all_labels(u) ? doc_ref(u->labels) : snapshot_labels(row, e);

	if (labels == NULL)
		return NULL;
	for (size_t i = 0; i < u->n_fields; i++)
		if (strcmp(u->fields[i], "labels") != 0 &&
		    update_field(labels, u->labels, u->fields[i], e) < 0)
			return NULL;
	return take_ptr(&labels);
}

struct updating {
	const struct snapshot_update *update;
	struct snapshot_info *out;
};

static int
update_row(struct snapshotter *s, void *ctx, struct err *e)
{
	struct updating *u = ctx;
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };
	AUTO_DOC struct doc *labels = NULL;
	AUTO_FREE char *text = NULL;

	if (snapshot_find(s, u->update->name, &row, e) < 0)
		return -1;
	labels = update_labels(u->update, &row, e);
	if (labels == NULL)
		return -1;
	text = doc_to_json(labels, false);
	row.labels = text;
	/* A remote one is of its layer's chain, whatever its labels say. */
	if (row.kind == SNAPSHOT_COMMITTED && *row.image == 0)
		row.chain = snapshot_chain(labels);
	row.updated_ns = clock_wall_ns();
	if (db_set_snapshot(s->parts.db, &row, e) < 0)
		return -1;
	return fill_info(u->out, &row, e);
}

int
snapshotter_update(struct snapshotter *s, const struct snapshot_update *u,
    struct snapshot_info *out, struct err *e)
{
	struct updating updating = { u, out };

	*out = (struct snapshot_info){ 0 };
	if (snapshot_transact(s, update_row, &updating, e) == 0)
		return 0;
	snapshot_info_release(out);
	return -1;
}

/* ---- starting ---- */

struct taking_up {
	struct snapshotter *snapshotter;
	struct err *e;
};

/* What an earlier life had begun and nobody was told of. */
static int
abandon(void *ctx, const struct db_snapshot *row)
{
	struct taking_up *t = ctx;
	struct db_snapshot copy = *row;

	return snapshot_mark_gone(t->snapshotter, &copy, t->e);
}

/* What does not resume is taken anew when its mounts are asked for. */
static void
resume(struct snapshotter *s, const struct db_snapshot *row)
{
	AUTO_CHAIN struct chain c = { 0 };
	struct err e = ERR_INIT;

	if (chain_read(s->parts.db, row->parent, &c, &e) < 0 ||
	    lowers_resume(s->lowers, row->number, &c, &e) < 0)
		log_info("snapshot %s: %s", row->name, e.msg);
}

static int
take_up(void *ctx, const struct db_snapshot *row)
{
	struct taking_up *t = ctx;

	if (row->kind != SNAPSHOT_COMMITTED)
		resume(t->snapshotter, row);
	return 0;
}

static int
take_up_all(struct snapshotter *s, struct err *e)
{
	struct taking_up t = { s, e };

	if (db_each_snapshot(s->parts.db, SNAPSHOT_MAKING, abandon, &t, e) < 0)
		return -1;
	return db_each_snapshot(s->parts.db, SNAPSHOT_THERE, take_up, &t, e);
}

struct snapshotter *
snapshotter_new(const struct snapshotter_parts *p, struct err *e)
{
	struct snapshotter *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ENOMEM, "snapshotter");
		return NULL;
	}
	s->parts = *p;
	lock_init(&s->lock, RANK_DAEMON);
	cond_init(&s->changed);
	overlay_probe(&s->needs);
	if (getrandom(&s->life, sizeof s->life, 0) != sizeof s->life)
		err_sys(e, "random bytes");
	else if ((s->pulls = pulls_new(&s->parts, e)) != NULL &&
		 (s->lowers = lowers_new(&s->parts, s->pulls, e)) != NULL &&
		 take_up_all(s, e) == 0 && snapshot_start_reaper(s, e) == 0)
		return s;
	snapshotter_free(s);
	return NULL;
}

void
snapshotter_cancel(struct snapshotter *s)
{
	pulls_cancel(s->pulls);
}

void
snapshotter_free(struct snapshotter *s)
{
	if (s == NULL)
		return;
	snapshot_stop_reaper(s);
	pulls_free(s->pulls);
	lowers_free(s->lowers);
	cond_destroy(&s->changed);
	lock_destroy(&s->lock);
	free(s);
}
