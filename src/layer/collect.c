/* Removing what nobody wants: images with neither name nor holder, and then the
 * layers that no image names any more. */
#include <stdlib.h>

#include "layer/catalog.h"
#include "layer/files.h"
#include "layer/layer.h"
#include "registry/manifest.h"
#include "store/db.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
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

/* The config goes only when the manifest says which it is. */
static int
remove_documents(struct store *s, const struct digest *d, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);
	AUTO_MANIFEST struct manifest m = { 0 };
	struct err damaged = ERR_INIT;

	if (files_read_blob(s, d, &text, &damaged) == 0 &&
	    manifest_parse(&m, text.data, text.len, &damaged) == 0 &&
	    files_remove_blob(s, &m.config.digest, e) < 0)
		return -1;
	return files_remove_blob(s, d, e);
}

static int
remove_image(struct catalog *c, const struct digest *d, struct err *e)
{
	const struct catalog_parts *p = catalog_parts(c);

	if (db_remove_image(p->db, d, e) < 0 ||
	    files_remove_dir(p->store, FILES_IMAGES, d, e) < 0)
		return -1;
	log_event(LOG_LEVEL_INFO, LOG_EVENT_image_removed,
	    LOG_FIELDS({ "image", DIGEST_TEXT(d) }),
	    "image %s: removed, nobody uses it", DIGEST_TEXT(d));
	return remove_documents(p->store, d, e);
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
	struct layer *l = catalog_withdraw_layer(c, d);
	uint64_t freed = 0;

	if (l == NULL)
		return 0;
	if (layer_remove(l, &freed, e) < 0 ||
	    db_remove_layer(catalog_parts(c)->db, d, e) < 0)
		return -1;
	*freed_bytes += freed;
	return 0;
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

int
catalog_sweep(struct catalog *c, uint64_t *freed_bytes, struct err *e)
{
	size_t n = 0;
	int rc;

	catalog_begin_removal(c);
	rc = remove_images(c, &n, e);
	if (rc == 0 && n > 0)
		rc = remove_orphans(c, freed_bytes, e);
	catalog_end_removal(c);
	return rc;
}
