/* From a reference to an image, and back to nothing: what catalog.h promises
 * about names and holders.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layer/catalog.h"
#include "layer/companions.h"
#include "layer/documents.h"
#include "layer/files.h"
#include "layer/image.h"
#include "layer/publisher.h"
#include "layer/recordings.h"
#include "registry/manifest.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "registry/source.h"
#include "store/db.h"
#include "store/db_keep.h"
#include "store/store.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

/* ---- manifests on disk ---- */

static int
load_manifest(struct catalog *c, const struct digest *d, struct manifest *out,
    struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);

	if (files_read_blob(catalog_parts(c)->store, d, &text, e) < 0)
		return -1;
	return manifest_parse(out, text.data, text.len, e);
}

/* ---- noting an image that opened ---- */

static struct digest *
list_layers(const struct manifest *m)
{
	struct digest *all = calloc(m->n_layers + 1, sizeof *all);

	for (size_t k = 0; all != NULL && k < m->n_layers; k++)
		all[k] = m->layers[k].digest;
	return all;
}

/* NULL when the config is not here. */
static struct digest *
list_chains(const struct image *i)
{
	size_t n = i->manifest.n_layers;
	struct digest *all = calloc(n + 1, sizeof *all);
	struct err unknown = ERR_INIT;

	for (size_t k = 0; all != NULL && k < n; k++)
		if (image_chain_id(i, k, &all[k], &unknown) < 0)
			free(take_ptr(&all));
	return all;
}

static int
set_image(struct db *db, const struct image *i, struct err *e)
{
	AUTO_FREE struct digest *layers = list_layers(&i->manifest);
	AUTO_FREE struct digest *chains = list_chains(i);
	struct db_image row = {
		.manifest = i->manifest.digest,
		.label = i->label,
		.layers = layers,
		.n_layers = i->manifest.n_layers,
		.chain_ids = chains,
	};

	if (layers == NULL)
		return err_set(e, ENOMEM, "image %s", i->label);
	return db_set_image(db, &row, e);
}

/* The image that the name meant before keeps its place until it is pruned. */
static int
set_name(struct db *db, const struct db_reference *r, struct err *e)
{
	if (db_note_move(db, r->name, &r->manifest, e) < 0)
		return -1;
	return db_set_reference(db, r, e);
}

/* In one transaction, with the name, if it gets one. */
static int
set_rows(struct db *db, const struct image *i, bool is_named, struct err *e)
{
	struct db_reference r = { i->label, i->manifest.digest,
		clock_wall_s() };

	if (db_begin(db, e) < 0)
		return -1;
	if (set_image(db, i, e) == 0 &&
	    (!is_named || set_name(db, &r, e) == 0) && db_commit(db, e) == 0)
		return 0;
	db_rollback(db);
	return -1;
}

/* Only an image that opened may take the name of the one before it, which may
 * be all that is left when the registry goes away, and which keeps its place.
 * An image that gets no name may be wanted by nobody. */
static int
note_image(
    struct catalog *c, const struct image *i, bool is_named, struct err *e)
{
	const struct catalog_parts *p = catalog_parts(c);
	const struct manifest *m = &i->manifest;
	int wanted;

	if (documents_save(c, &m->digest, m->raw, m->raw_len, e) < 0 ||
	    set_rows(p->db, i, is_named, e) < 0)
		return -1;
	/* A thousand images are not looked at for each that is opened. */
	wanted = is_named ? 1 : db_is_image_wanted(p->db, &m->digest, e);
	if (wanted == 0)
		catalog_collect_later(c);
	return wanted < 0 ? -1 : 0;
}

/* ---- asking the registry, or remembering ---- */

/* How long a registry is asked what a tag means that was known before. */
enum { KNOWN_PATIENCE_MS = 5000 };

static bool
is_unreachable(int code)
{
	return code != ENOENT && code != EACCES && code != EBADMSG &&
	       code != EINVAL && code != ENOTSUP && code != E2BIG;
}

static bool
is_known(struct catalog *c, const struct image_request *q)
{
	struct digest d;
	int64_t resolved_s;
	struct err unknown = ERR_INIT;

	return q->manifest == NULL &&
	       catalog_find_image(
		   c, q->reference->name, &d, &resolved_s, &unknown) == 0 &&
	       files_has_blob(catalog_parts(c)->store, &d);
}

static void
tell(const struct image_request *q, int64_t resolved_s, const struct err *stale)
{
	struct image_resolution *r = q->resolution;

	if (r == NULL)
		return;
	*r = (struct image_resolution){ .resolved_s = resolved_s };
	if (stale == NULL)
		return;
	r->is_stale = true;
	snprintf(
	    r->why, sizeof r->why, "%.*s", RESOLUTION_WHY_SIZE - 1, stale->msg);
}

/* The last known answer, when the registry gives none. */
static int
remember(struct catalog *c, const struct image_request *q, struct manifest *out,
    struct err *e)
{
	const struct reference *ref = q->reference;
	struct digest d;
	int64_t resolved_s;
	struct err unknown = ERR_INIT;

	if (!is_unreachable(e->code) ||
	    catalog_find_image(c, ref->name, &d, &resolved_s, &unknown) < 0 ||
	    load_manifest(c, &d, out, &unknown) < 0)
		return -1;
	tell(q, resolved_s, e);
	log_event(LOG_LEVEL_WARN, LOG_EVENT_stale_tag,
	    LOG_FIELDS({ "reference", ref->name }),
	    "%s; using %s, which it meant %jd s ago", e->msg, DIGEST_TEXT(&d),
	    (intmax_t)(clock_wall_s() - resolved_s));
	*e = ERR_INIT;
	return 0;
}

static int
ask(struct catalog *c, const struct image_request *q, struct companions *beside,
    struct manifest *out, struct err *e)
{
	struct platform here = platform_of_machine();
	struct reference r = *q->reference;
	bool was_here = is_known(c, q);
	const struct registry_question question = {
		.reference = &r,
		.layout = q->layout,
		.platform = &here,
		.patience_ms = was_here ? KNOWN_PATIENCE_MS : 0,
		.is_start = q->is_start && !was_here,
	};

	if (q->manifest != NULL) {
		r.has_digest = true;
		r.digest = *q->manifest;
	}
	if (!was_here)
		companions_ask(beside);
	return registry_resolve(catalog_parts(c)->registry, &question, out, e);
}

/* What the reference means without asking: by digest. */
static int
find_manifest(struct catalog *c, const struct image_request *q,
    struct manifest *out, struct err *e)
{
	struct digest d;
	int64_t resolved_s;

	if (q->manifest != NULL)
		return load_manifest(c, q->manifest, out, e);
	if (!q->reference->has_digest)
		return -1;
	if (db_get_reference(catalog_parts(c)->db, q->reference->name, &d,
		&resolved_s, e) < 0)
		return -1;
	return load_manifest(c, &d, out, e);
}

/* *is_news: it means this now, and nobody noted that yet.  What lies beside it is
 * asked for at the same time; NULL: nobody wants to know. */
static int
resolve(struct catalog *c, const struct image_request *q,
    struct companions *beside, struct manifest *out, bool *is_news,
    struct err *e)
{
	struct err unknown = ERR_INIT;

	*is_news = q->manifest != NULL;
	tell(q, 0, NULL);
	if (find_manifest(c, q, out, &unknown) == 0)
		return 0;
	*is_news = true;
	if (ask(c, q, beside, out, e) == 0) {
		if (!q->reference->has_digest)
			tell(q, clock_wall_s(), NULL);
		return 0;
	}
	*is_news = false;
	return q->manifest != NULL ? -1 : remember(c, q, out, e);
}

static struct source *
open_source(struct catalog *c, const struct image_request *q, struct err *e)
{
	const struct reference *r = q->reference;
	struct source *s;
	int dir;

	if (!r->is_layout)
		return source_new_registry(
		    catalog_parts(c)->registry, r->host, r->repository, e);
	dir = fcntl(q->layout, F_DUPFD_CLOEXEC, 0);
	if (dir < 0) {
		err_sys(e, "%s", r->name);
		return NULL;
	}
	/* The name is how the folder is found again after a restart. */
	AUTO_FREE char *name = NULL;

	if (asprintf(&name, "oci:%s", r->repository) < 0) {
		name = NULL;
		close(dir);
		err_set(e, ENOMEM, "%s", r->name);
		return NULL;
	}
	s = source_new_layout(dir, name, e);
	if (s == NULL)
		close(dir);
	return s;
}

static struct image *
open_resolved(struct catalog *c, const struct image_request *q,
    struct companions *beside, struct manifest *take, struct err *e)
{
	struct image_opening o = {
		.label = q->reference->name,
		.source = open_source(c, q, e),
		.watcher = q->watcher,
		.companions = beside,
		.whole_max_bytes = q->whole_max_bytes,
		.is_partial = q->is_partial,
		.is_start = q->is_start,
	};
	struct image *i;

	if (o.source == NULL)
		return NULL;
	i = image_open(c, take, &o, e);
	source_unref(o.source);
	return i;
}

static struct image *
open_image(struct catalog *c, const struct image_request *q,
    struct companions *beside, struct err *e)
{
	AUTO_MANIFEST struct manifest m = { 0 };
	struct image *i;
	bool is_news;

	if (resolve(c, q, beside, &m, &is_news, e) < 0)
		return NULL;
	if (q->watcher != NULL)
		q->watcher->on_progress(
		    q->watcher, IMAGE_RESOLVE, &m.digest, 1, 1);
	i = open_resolved(c, q, beside, &m, e);
	if (i != NULL && note_image(c, i, is_news && !q->is_unnamed, e) < 0) {
		image_unref(i);
		return NULL;
	}
	return i;
}

struct image *
catalog_open_image(
    struct catalog *c, const struct image_request *q, struct err *e)
{
	struct companions *beside = companions_new(c, q->reference);
	struct image *i = open_image(c, q, beside, e);

	companions_free(beside);
	if (i != NULL)
		publisher_offer(
		    catalog_parts(c)->publisher, i, COMPANION_INDEX);
	return i;
}

int
catalog_read_manifest(struct catalog *c, const struct image_request *q,
    struct manifest *out, struct err *e)
{
	bool is_news;

	return resolve(c, q, NULL, out, &is_news, e);
}

struct image *
catalog_open_known(struct catalog *c, const struct digest *manifest,
    const char *label, bool is_partial, struct err *e)
{
	struct image_opening o = { .label = label, .is_partial = is_partial };
	AUTO_MANIFEST struct manifest m = { 0 };
	struct image *i;

	if (load_manifest(c, manifest, &m, e) < 0)
		return NULL;
	i = image_open(c, &m, &o, e);
	/* It may have been removed before it was open. */
	if (i != NULL && !files_has_blob(catalog_parts(c)->store, manifest)) {
		err_set(e, ENOENT, "image %s is not here any more",
		    DIGEST_TEXT(manifest));
		image_unref(i);
		return NULL;
	}
	return i;
}

/* ---- forgetting and holding ---- */

int
catalog_forget(struct catalog *c, const char *name, struct digest *image,
    bool *removed, uint64_t *freed_bytes, struct err *e)
{
	struct db *db = catalog_parts(c)->db;
	int64_t resolved_s;
	int wanted;

	*removed = false;
	*freed_bytes = 0;
	if (db_get_reference(db, name, image, &resolved_s, e) < 0)
		return err_wrap(e, "%s", name);
	if (db_remove_reference(db, name, e) < 0)
		return -1;
	wanted = db_is_image_wanted(db, image, e);
	if (wanted != 0)
		return wanted < 0 ? -1 : 0;
	*removed = true;
	/* What is yet to be said of its last run keeps it open. */
	recordings_settle(catalog_recordings(c), image);
	return catalog_sweep(c, freed_bytes, e);
}

int
catalog_hold(struct catalog *c, const struct digest *manifest, const char *who,
    struct err *e)
{
	return db_add_holder(catalog_parts(c)->db, manifest, who, e);
}

int
catalog_release(struct catalog *c, const struct digest *manifest,
    const char *who, struct err *e)
{
	struct db *db = catalog_parts(c)->db;
	int wanted;

	if (db_remove_holder(db, manifest, who, e) < 0 ||
	    db_touch_image(db, manifest, e) < 0)
		return -1;
	wanted = db_is_image_wanted(db, manifest, e);
	if (wanted == 0)
		catalog_collect_soon(c);
	return wanted < 0 ? -1 : 0;
}
