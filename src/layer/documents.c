#include "layer/documents.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "layer/catalog_private.h"
#include "layer/files.h"
#include "layer/image.h"
#include "registry/manifest.h"
#include "store/db.h"
#include "base/bytes.h"
#include "base/limits.h"

/* One that is there may have its name in memory only, until who gave it that
 * has synced the folder: he is counted from before to after. */
int
documents_save(struct catalog *c, const struct digest *d, const void *p,
    size_t n, struct err *e)
{
	struct store *s = c->parts.store;
	int rc;

	if (files_has_blob(s, d))
		return c->saves == 0 ? 0 : files_sync_blobs(s, e);
	c->saves++;
	rc = files_save_blob(s, d, p, n, e);
	c->saves--;
	return rc;
}

/* ---- what an image names ---- */

/* A damaged one names nothing. */
static bool
read_config_digest(
    struct catalog *c, const struct digest *manifest, struct digest *config)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);
	AUTO_MANIFEST struct manifest m = { 0 };
	struct err e = ERR_INIT;

	if (files_read_blob(c->parts.store, manifest, &text, &e) < 0 ||
	    manifest_parse(&m, text.data, text.len, &e) < 0)
		return false;
	*config = m.config.digest;
	return true;
}

static bool
names(const struct image *i, const struct digest *d)
{
	return digest_equal(&i->manifest.digest, d) ||
	       digest_equal(&i->manifest.config.digest, d);
}

/* One that is just being opened has no rows yet. */
static bool
is_open_image_s(struct catalog *c, const struct digest *d)
{
	LOCK_SCOPE(&c->lock);
	list_for_each(l, &c->open)
		if (names(list_entry(l, struct image, link), d))
			return true;
	return false;
}

/* ---- one image's ---- */

struct looking {
	struct catalog *catalog;
	const struct digest *config;
};

static int
look_at(void *ctx, const struct digest *manifest)
{
	const struct looking *l = ctx;
	struct digest config;

	return read_config_digest(l->catalog, manifest, &config) &&
	       digest_equal(&config, l->config);
}

/* 1: another image has the config, too. */
static int
is_shared(struct catalog *c, const struct documents *d, struct err *e)
{
	struct looking l = { c, &d->config };

	if (is_open_image_s(c, &d->config))
		return 1;
	return db_each_image_alike(c->parts.db, &d->manifest, look_at, &l, e);
}

int
documents_find(struct catalog *c, const struct digest *manifest,
    struct documents *out, struct err *e)
{
	int rc;

	*out = (struct documents){ .manifest = *manifest };
	if (!read_config_digest(c, manifest, &out->config))
		return 0;
	rc = is_shared(c, out, e);
	out->has_config = rc == 0;
	return rc < 0 ? -1 : 0;
}

int
documents_remove(struct catalog *c, const struct documents *d, struct err *e)
{
	struct store *s = c->parts.store;

	if (d->has_config && files_remove_blob(s, &d->config, e) < 0)
		return -1;
	return files_remove_blob(s, &d->manifest, e);
}

/* ---- nobody's ---- */

struct named {
	struct catalog *catalog;
	struct digest *at;
	size_t n, room;
	struct err *e;
};

static int
add_named(struct named *all, const struct digest *d)
{
	if (all->n == all->room) {
		size_t room = 2 * all->room + 64;
		struct digest *at = reallocarray(all->at, room, sizeof *at);

		if (at == NULL)
			return err_set(all->e, ENOMEM, "list of manifests");
		all->at = at;
		all->room = room;
	}
	all->at[all->n++] = *d;
	return 0;
}

static int
add_image(void *ctx, const struct db_image *i)
{
	struct named *all = ctx;
	struct digest config;

	if (add_named(all, &i->manifest) < 0)
		return -1;
	return read_config_digest(all->catalog, &i->manifest, &config)
		   ? add_named(all, &config)
		   : 0;
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

static int
remove_stray(void *ctx, const struct digest *d)
{
	struct named *all = ctx;

	bool is_named = all->n > 0 &&
			bsearch(d, all->at, all->n, sizeof *d, compare) != NULL;

	if (is_named || is_open_image_s(all->catalog, d))
		return 0;
	return files_remove_blob(all->catalog->parts.store, d, all->e);
}

int
documents_sweep(struct catalog *c, struct err *e)
{
	struct named all = { .catalog = c, .e = e };
	int rc = db_each_image(c->parts.db, add_image, &all, e);

	if (rc == 0 && all.n > 0)
		qsort(all.at, all.n, sizeof *all.at, compare);
	if (rc == 0)
		rc = files_each_blob(c->parts.store, remove_stray, &all, e);
	free(all.at);
	return rc;
}
