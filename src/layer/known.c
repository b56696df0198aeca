/* Looking at what the catalog knows, from state.db. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer/catalog.h"
#include "store/db.h"
#include "base/cleanup.h"
#include "base/err.h"

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

struct names {
	const struct digest *manifest;
	char **at;
	size_t n;
	int64_t resolved_s;
};

static void
names_release(struct names *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->at[i]);
	free(n->at);
}

static int
add_name(void *ctx, const struct db_reference *r)
{
	struct names *n = ctx;
	char **more;

	if (!digest_equal(&r->manifest, n->manifest))
		return 0;
	more = reallocarray(n->at, n->n + 1, sizeof *more);
	if (more == NULL)
		return -1;
	n->at = more;
	more[n->n] = strdup(r->name);
	if (more[n->n] == NULL)
		return -1;
	n->n++;
	if (r->resolved_s > n->resolved_s)
		n->resolved_s = r->resolved_s;
	return 0;
}

struct visit {
	struct db *db;
	int (*fn)(void *ctx, const struct known_image *k);
	void *ctx;
	struct err *e;
};

static int
visit_image(void *ctx, const struct digest *manifest, int64_t last_used_s)
{
	struct visit *v = ctx;
	CLEANUP(names_release) struct names names = { .manifest = manifest };
	struct known_image k = { .manifest = *manifest,
		.last_used_s = last_used_s };

	err_set(v->e, ENOMEM, "list of images");
	if (db_each_reference(v->db, add_name, &names, v->e) != 0)
		return -1;
	k.names = (const char *const *)names.at;
	k.n_names = names.n;
	k.resolved_s = names.resolved_s;
	return v->fn(v->ctx, &k) != 0;
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
