/* Removing what nobody wants: images with neither name nor holder, and then the
 * layers that no image names any more. */
#include <stdlib.h>

#include "layer/catalog.h"
#include "layer/documents.h"
#include "layer/files.h"
#include "store/db.h"
#include "base/err.h"
#include "base/log.h"

struct digests {
	struct digest *at;
	size_t n;
};

static void
digests_release(struct digests *d)
{
	free(d->at);
}

static int
note_digest(void *ctx, const struct digest *d)
{
	struct digests *all = ctx;
	struct digest *grown = reallocarray(all->at, all->n + 1, sizeof *grown);

	if (grown == NULL)
		return -1;
	all->at = grown;
	all->at[all->n++] = *d;
	return 0;
}

/* ---- images ---- */

static int
remove_image(struct catalog *c, const struct digest *d, struct err *e)
{
	const struct catalog_parts *p = catalog_parts(c);
	struct documents its;

	if (documents_find(c, d, &its, e) < 0 ||
	    db_remove_image(p->db, d, e) < 0 ||
	    files_remove_dir(p->store, FILES_IMAGES, d, e) < 0)
		return -1;
	log_event(LOG_LEVEL_INFO, LOG_EVENT_image_removed,
	    LOG_FIELDS({ "image", DIGEST_TEXT(d) }),
	    "image %s: removed, nobody uses it", DIGEST_TEXT(d));
	return documents_remove(c, &its, e);
}

/* *n: how many were removed. */
static int
remove_images(struct catalog *c, size_t *n, struct err *e)
{
	CLEANUP(digests_release) struct digests unwanted = { 0 };

	err_set(e, ENOMEM, "list of images");
	if (db_each_unwanted_image(
		catalog_parts(c)->db, note_digest, &unwanted, e) != 0)
		return -1;
	for (size_t i = 0; i < unwanted.n; i++) {
		if (catalog_put_off_removal(c, &unwanted.at[i]))
			continue;
		if (remove_image(c, &unwanted.at[i], e) < 0)
			return -1;
		++*n;
	}
	return 0;
}

/* ---- layers ---- */

static int
remove_layer(struct catalog *c, const struct digest *d, uint64_t *freed_bytes,
    struct err *e)
{
	int rc = catalog_remove_layer(c, d, true, freed_bytes, e);

	return rc <= 0 ? rc : db_remove_layer(catalog_parts(c)->db, d, e);
}

static int
remove_orphans(struct catalog *c, uint64_t *freed_bytes, struct err *e)
{
	CLEANUP(digests_release) struct digests orphans = { 0 };

	err_set(e, ENOMEM, "list of layers");
	if (db_each_orphan_layer(
		catalog_parts(c)->db, note_digest, &orphans, e) != 0)
		return -1;
	for (size_t i = 0; i < orphans.n; i++)
		if (remove_layer(c, &orphans.at[i], freed_bytes, e) < 0)
			return -1;
	return 0;
}

/* ---- what was left behind ---- */

struct strays {
	struct catalog *catalog;
	struct digests digests;
	struct err *e;
};

/* Also one that state.db lost. */
static int
note_stray_layer(void *ctx, const struct digest *d)
{
	struct strays *s = ctx;
	unsigned n = 1;

	if (db_count_layer_images(catalog_parts(s->catalog)->db, d, &n, s->e) <
	    0)
		return -1;
	return n == 0 ? note_digest(&s->digests, d) : 0;
}

static int
remove_stray_layers(struct catalog *c, uint64_t *freed_bytes, struct err *e)
{
	struct strays s = { .catalog = c, .e = e };
	int rc = files_each(
	    catalog_parts(c)->store, FILES_LAYERS, note_stray_layer, &s, e);

	for (size_t i = 0; rc == 0 && i < s.digests.n; i++)
		rc = remove_layer(c, &s.digests.at[i], freed_bytes, e);
	digests_release(&s.digests);
	return rc;
}

static int
note_known(void *ctx, const struct db_image *i)
{
	return note_digest(ctx, &i->manifest);
}

static int
remove_stray_index(void *ctx, const struct digest *d)
{
	struct strays *s = ctx;

	for (size_t i = 0; i < s->digests.n; i++)
		if (digest_equal(&s->digests.at[i], d))
			return 0;
	return files_remove_dir(
	    catalog_parts(s->catalog)->store, FILES_IMAGES, d, s->e);
}

/* Merged indexes of images that state.db does not know. */
static int
remove_stray_indexes(struct catalog *c, struct err *e)
{
	const struct catalog_parts *p = catalog_parts(c);
	struct strays s = { .catalog = c, .e = e };
	int rc = db_each_image(p->db, note_known, &s.digests, e);

	if (rc == 0)
		rc = files_each(
		    p->store, FILES_IMAGES, remove_stray_index, &s, e);
	digests_release(&s.digests);
	return rc;
}

/* ---- all of it ---- */

int
catalog_sweep(struct catalog *c, uint64_t *freed_bytes, struct err *e)
{
	size_t n = 0;
	bool was_left;
	int rc;

	catalog_begin_removal(c);
	was_left = catalog_take_left(c);
	rc = remove_images(c, &n, e);
	if (rc == 0 && (n > 0 || was_left))
		rc = remove_orphans(c, freed_bytes, e);
	catalog_end_removal(c);
	return rc;
}

int
catalog_sweep_all(struct catalog *c, uint64_t *freed_bytes, struct err *e)
{
	size_t n = 0;
	int rc;

	catalog_begin_removal(c);
	rc = remove_images(c, &n, e);
	if (rc == 0)
		rc = remove_orphans(c, freed_bytes, e);
	if (rc == 0)
		rc = remove_stray_layers(c, freed_bytes, e);
	if (rc == 0)
		rc = remove_stray_indexes(c, e);
	if (rc == 0)
		rc = documents_sweep(c, e);
	catalog_end_removal(c);
	return rc;
}
