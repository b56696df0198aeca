/* Looking at what the catalog knows, from state.db. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer/catalog.h"
#include "store/db.h"
#include "store/db_keep.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

int
catalog_find_reference(struct catalog *c, const char *name,
    struct digest *manifest, int64_t *resolved_s, struct err *e)
{
	int64_t ignored;

	if (db_get_reference(catalog_parts(c)->db, name, manifest,
		resolved_s == NULL ? &ignored : resolved_s, e) < 0)
		return e->code == ENOENT
			   ? err_set(e, ENOENT,
				 "%s is not known here: see `layerfs images`",
				 name)
			   : -1;
	return 0;
}

int
catalog_find_image(struct catalog *c, const char *name, struct digest *manifest,
    int64_t *resolved_s, struct err *e)
{
	int rc = catalog_find_reference(c, name, manifest, resolved_s, e);

	if (rc == 0 || e->code != ENOENT)
		return rc;
	return db_find_image_by_label(catalog_parts(c)->db, name, manifest,
	    resolved_s, &(struct err){ 0 });
}

/* ---- what there is ---- */

struct texts {
	char **at;
	size_t n;
};

static void
texts_release(struct texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->at[i]);
	free(t->at);
}

static int
add_text(struct texts *t, const char *text)
{
	char **more = reallocarray(t->at, t->n + 1, sizeof *more);

	if (more == NULL)
		return -1;
	t->at = more;
	more[t->n] = strdup(text);
	return more[t->n++] == NULL ? -1 : 0;
}

struct visit {
	struct db *db;
	int (*fn)(void *ctx, const struct known_image *k);
	void *ctx;
	struct err *e;
};

struct names {
	struct texts texts;
	const struct digest *manifest;
	int64_t resolved_s;
};

static int
add_name(void *ctx, const struct db_reference *r)
{
	struct names *n = ctx;

	if (!digest_equal(&r->manifest, n->manifest))
		return 0;
	if (r->resolved_s > n->resolved_s)
		n->resolved_s = r->resolved_s;
	return add_text(&n->texts, r->name);
}

static int
add_holder(void *ctx, const char *who)
{
	return add_text(ctx, who);
}

static int
visit_image(void *ctx, const struct db_image *i)
{
	struct visit *v = ctx;
	struct names names = { .manifest = &i->manifest };
	struct texts holders = { 0 };
	struct known_image k = { .manifest = i->manifest,
		.label = i->label,
		.last_used_s = i->last_used_s };
	int rc = -1;

	err_set(v->e, ENOMEM, "list of images");
	if (db_each_reference(v->db, add_name, &names, v->e) == 0 &&
	    db_each_holder(v->db, &i->manifest, add_holder, &holders, v->e) ==
		0) {
		k.names = (const char *const *)names.texts.at;
		k.n_names = names.texts.n;
		k.holders = (const char *const *)holders.at;
		k.n_holders = holders.n;
		k.resolved_s = names.resolved_s;
		rc = v->fn(v->ctx, &k) != 0;
	}
	texts_release(&names.texts);
	texts_release(&holders);
	return rc;
}

int
catalog_each_known(struct catalog *c,
    int (*fn)(void *ctx, const struct known_image *k), void *ctx, struct err *e)
{
	struct visit v = { catalog_parts(c)->db, fn, ctx, e };

	return db_each_image(v.db, visit_image, &v, e) < 0 ? -1 : 0;
}

unsigned
catalog_count_users(struct catalog *c, const struct digest *layer)
{
	struct err e = ERR_INIT;
	unsigned n = 0;

	if (db_count_layer_images(catalog_parts(c)->db, layer, &n, &e) < 0)
		return 0;
	return n;
}

int
catalog_find_chain(struct catalog *c, const struct digest *chain_id,
    struct digest *manifest, int *layer, struct err *e)
{
	return db_find_chain(
	    catalog_parts(c)->db, chain_id, manifest, layer, e);
}

/* ---- fallbacks ---- */

void
catalog_note_fallback(struct catalog *c, const char *label,
    const struct digest *layer, const char *reason)
{
	struct db_fallback f = { label, *layer, reason, clock_wall_s() };
	struct err e = ERR_INIT;

	log_event(LOG_LEVEL_INFO, LOG_EVENT_not_lazy,
	    LOG_FIELDS({ "reference", label }, { "layer", DIGEST_TEXT(layer) },
		{ "reason", reason }),
	    "%s: layer %s is not lazy: %s", label, DIGEST_TEXT(layer), reason);
	if (db_set_fallback(catalog_parts(c)->db, &f, &e) < 0)
		log_warn("%s", e.msg);
}

struct telling {
	int (*fn)(void *ctx, const struct fallback *f);
	void *ctx;
};

static int
tell_fallback(void *ctx, const struct db_fallback *row)
{
	struct telling *t = ctx;
	struct fallback f = { row->label, row->layer, row->reason,
		row->noted_s };

	return t->fn(t->ctx, &f);
}

int
catalog_each_fallback(struct catalog *c,
    int (*fn)(void *ctx, const struct fallback *f), void *ctx, struct err *e)
{
	struct telling t = { fn, ctx };

	return db_each_fallback(catalog_parts(c)->db, tell_fallback, &t, e);
}

bool
known_image_is_used(const struct known_image *k)
{
	for (size_t i = 0; i < k->n_holders; i++)
		if (strncmp(k->holders[i], DB_MOVED, strlen(DB_MOVED)) != 0)
			return true;
	return false;
}
