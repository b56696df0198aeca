/* From a reference to an image, and back to nothing: what catalog.h promises
 * about names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layer/catalog.h"
#include "layer/files.h"
#include "layer/image.h"
#include "registry/manifest.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "registry/source.h"
#include "store/db.h"
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

/* Notes name, image and layers in one transaction. */
static int
note_names(struct catalog *c, const char *name, const struct manifest *m,
    struct err *e)
{
	struct db *db = catalog_parts(c)->db;
	struct db_reference r = { name, m->digest, clock_wall_s() };
	AUTO_FREE struct digest *layers =
	    calloc(m->n_layers + 1, sizeof *layers);

	if (layers == NULL)
		return err_set(e, ENOMEM, "image %s", name);
	for (size_t i = 0; i < m->n_layers; i++)
		layers[i] = m->layers[i].digest;
	if (db_begin(db, e) < 0)
		return -1;
	if (db_set_image(db, &m->digest, layers, m->n_layers, e) < 0 ||
	    db_set_reference(db, &r, e) < 0) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, e);
}

/* Only an image that opened may take the name of the one before it, which may
 * be all that is left when the registry goes away. */
static int
note_image(struct catalog *c, const char *name, const struct manifest *m,
    struct err *e)
{
	if (files_save_blob(
		catalog_parts(c)->store, &m->digest, m->raw, m->raw_len, e) < 0)
		return -1;
	return note_names(c, name, m, e);
}

/* ---- asking the registry, or remembering ---- */

static bool
is_unreachable(int code)
{
	return code != ENOENT && code != EACCES && code != EBADMSG &&
	       code != EINVAL && code != ENOTSUP && code != E2BIG;
}

/* The last known answer, when the registry gives none. */
static int
remember(struct catalog *c, const struct reference *ref, struct manifest *out,
    struct err *e)
{
	struct digest d;
	int64_t resolved_s;
	struct err unknown = ERR_INIT;

	if (!is_unreachable(e->code) ||
	    db_get_reference(catalog_parts(c)->db, ref->name, &d, &resolved_s,
		&unknown) < 0 ||
	    load_manifest(c, &d, out, &unknown) < 0)
		return -1;
	log_warn("%s; using %s, which it meant %jd s ago", e->msg,
	    DIGEST_TEXT(&d), (intmax_t)(clock_wall_s() - resolved_s));
	*e = ERR_INIT;
	return 0;
}

static int
ask(struct catalog *c, const struct image_request *q, struct manifest *out,
    bool *is_news, struct err *e)
{
	const struct catalog_parts *p = catalog_parts(c);
	struct platform here = platform_of_machine();

	if (registry_resolve(
		p->registry, q->reference, q->layout, &here, out, e) < 0)
		return remember(c, q->reference, out, e);
	*is_news = true;
	return 0;
}

/* *is_news: the registry said it, nothing here knows it yet. */
static int
resolve(struct catalog *c, const struct image_request *q, struct manifest *out,
    bool *is_news, struct err *e)
{
	struct digest d;
	int64_t resolved_s;
	struct err unknown = ERR_INIT;

	if (q->reference->has_digest &&
	    db_get_reference(catalog_parts(c)->db, q->reference->name, &d,
		&resolved_s, &unknown) == 0 &&
	    load_manifest(c, &d, out, &unknown) == 0)
		return 0;
	return ask(c, q, out, is_news, e);
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

struct image *
catalog_open_image(
    struct catalog *c, const struct image_request *q, struct err *e)
{
	AUTO_MANIFEST struct manifest m = { 0 };
	struct source *s;
	struct image *i;
	bool is_news = false;

	if (resolve(c, q, &m, &is_news, e) < 0)
		return NULL;
	if (q->watcher != NULL)
		q->watcher->on_progress(
		    q->watcher, IMAGE_RESOLVE, &m.digest, 1, 1);
	s = open_source(c, q, e);
	if (s == NULL)
		return NULL;
	i = image_open(c, &m, q->reference->name, s, q->watcher, e);
	source_unref(s);
	if (i == NULL)
		return NULL;
	if (is_news && note_image(c, q->reference->name, &i->manifest, e) < 0) {
		image_unref(i);
		return NULL;
	}
	db_touch_image(
	    catalog_parts(c)->db, &i->manifest.digest, &(struct err){ 0 });
	return i;
}

struct image *
catalog_open_known(struct catalog *c, const struct digest *manifest,
    const char *label, struct err *e)
{
	AUTO_MANIFEST struct manifest m = { 0 };

	if (load_manifest(c, manifest, &m, e) < 0)
		return NULL;
	return image_open(c, &m, label, NULL, NULL, e);
}

/* ---- forgetting ---- */

struct counting {
	const struct digest *manifest;
	unsigned n;
};

static int
count_reference(void *ctx, const struct db_reference *r)
{
	struct counting *n = ctx;

	n->n += digest_equal(&r->manifest, n->manifest);
	return 0;
}

static int
remove_image(struct catalog *c, const struct digest *d, struct err *e)
{
	const struct catalog_parts *p = catalog_parts(c);
	AUTO_MANIFEST struct manifest m = { 0 };
	struct err damaged = ERR_INIT;

	if (db_remove_image(p->db, d, e) < 0 ||
	    files_remove_dir(p->store, FILES_IMAGES, d, e) < 0)
		return -1;
	if (load_manifest(c, d, &m, &damaged) == 0 &&
	    files_remove_blob(p->store, &m.config.digest, e) < 0)
		return -1;
	return files_remove_blob(p->store, d, e);
}

int
catalog_forget(struct catalog *c, const char *name, struct digest *image,
    bool *removed, uint64_t *freed_bytes, struct err *e)
{
	struct db *db = catalog_parts(c)->db;
	struct counting left = { image, 0 };
	int64_t resolved_s;

	*removed = false;
	*freed_bytes = 0;
	if (db_get_reference(db, name, image, &resolved_s, e) < 0)
		return err_wrap(e, "%s", name);
	if (db_remove_reference(db, name, e) < 0 ||
	    db_each_reference(db, count_reference, &left, e) < 0)
		return -1;
	if (left.n > 0)
		return 0;
	*removed = true;
	if (remove_image(c, image, e) < 0)
		return -1;
	return catalog_remove_orphans(c, freed_bytes, e);
}
