#include "layer/footprint.h"

#include <errno.h>
#include <stdlib.h>

#include "layer/catalog.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "store/share.h"
#include "base/err.h"

/* ---- the images ---- */

struct gathering {
	struct catalog *catalog;
	struct footprint *usage;
};

static int
add_image(void *ctx, const struct known_image *k)
{
	struct gathering *g = ctx;
	struct footprint *u = g->usage;
	struct image_footprint *at = reallocarray(u->at, u->n + 1, sizeof *at);
	struct err absent = ERR_INIT;

	if (at == NULL)
		return 1;
	u->at = at;
	u->at[u->n++] = (struct image_footprint){ .manifest = k->manifest,
		.image = catalog_open_known(
		    g->catalog, &k->manifest, k->label, true, &absent) };
	return 0;
}

void
footprint_release(struct footprint *u)
{
	for (size_t i = 0; i < u->n; i++)
		image_unref(u->at[i].image);
	free(u->at);
	*u = (struct footprint){ 0 };
}

const struct image_footprint *
footprint_find(const struct footprint *u, const struct digest *manifest)
{
	for (size_t i = 0; u != NULL && i < u->n; i++)
		if (digest_equal(&u->at[i].manifest, manifest))
			return &u->at[i];
	return NULL;
}

/* ---- measuring ---- */

/* The maps of all images, and each image's or group's part of them. */
struct measuring {
	const struct map **maps;
	size_t n_maps;
	struct share *shares;
	size_t n_shares;
};

static void
measuring_release(struct measuring *m)
{
	free(m->maps);
	free(m->shares);
}

static int
measuring_init(struct measuring *m, const struct footprint *u, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < u->n; i++)
		if (u->at[i].image != NULL)
			n += u->at[i].image->manifest.n_layers;
	m->maps = calloc(n + 1, sizeof *m->maps);
	m->shares = calloc(u->n + 2, sizeof *m->shares);
	if (m->maps == NULL || m->shares == NULL)
		return err_set(e, ENOMEM, "measuring images");
	return 0;
}

/* Adds an image's maps to the last share. */
static void
add_maps(struct measuring *m, const struct image *i)
{
	struct share *s = &m->shares[m->n_shares - 1];

	for (size_t k = 0; i != NULL && k < i->manifest.n_layers; k++) {
		if (i->layers[k] == NULL)
			continue;
		m->maps[m->n_maps++] = i->layers[k]->map;
		s->n_maps++;
	}
}

static struct share *
begin_share(struct measuring *m)
{
	struct share *s = &m->shares[m->n_shares++];

	*s = (struct share){ .maps = &m->maps[m->n_maps] };
	return s;
}

static int
measure_each(struct catalog *c, struct footprint *u, struct err *e)
{
	CLEANUP(measuring_release) struct measuring m = { 0 };

	if (measuring_init(&m, u, e) < 0)
		return -1;
	for (size_t i = 0; i < u->n; i++) {
		begin_share(&m);
		add_maps(&m, u->at[i].image);
	}
	if (store_measure_shares(
		catalog_parts(c)->store, m.shares, m.n_shares, e) < 0)
		return -1;
	for (size_t i = 0; i < u->n; i++) {
		u->at[i].own_bytes = m.shares[i].own_bytes;
		u->at[i].shared_bytes = m.shares[i].shared_bytes;
	}
	return 0;
}

static bool
is_in(const struct digest *group, size_t n, const struct digest *d)
{
	for (size_t i = 0; i < n; i++)
		if (digest_equal(&group[i], d))
			return true;
	return false;
}

/* The group as the first user, everybody else as the second. */
static int
measure_group(struct catalog *c, const struct digest *group, size_t n,
    struct footprint *u, struct err *e)
{
	CLEANUP(measuring_release) struct measuring m = { 0 };

	if (measuring_init(&m, u, e) < 0)
		return -1;
	for (int inside = 1; inside >= 0; inside--) {
		begin_share(&m);
		for (size_t i = 0; i < u->n; i++)
			if (is_in(group, n, &u->at[i].manifest) == inside)
				add_maps(&m, u->at[i].image);
	}
	if (store_measure_shares(
		catalog_parts(c)->store, m.shares, m.n_shares, e) < 0)
		return -1;
	u->together_bytes = m.shares[0].own_bytes;
	return 0;
}

int
footprint_measure(struct catalog *c, const struct digest *group, size_t n_group,
    struct footprint *out, struct err *e)
{
	struct gathering g = { c, out };

	*out = (struct footprint){ 0 };
	if (catalog_each_known(c, add_image, &g, e) < 0 ||
	    measure_each(c, out, e) < 0 ||
	    (n_group > 0 && measure_group(c, group, n_group, out, e) < 0)) {
		footprint_release(out);
		return -1;
	}
	return 0;
}
