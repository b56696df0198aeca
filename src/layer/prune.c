#include "layer/prune.h"

#include <errno.h>
#include <stdlib.h>

#include "layer/catalog.h"
#include "layer/footprint.h"
#include "store/db_keep.h"
#include "base/clock.h"
#include "base/err.h"

struct choosing {
	const struct prune_request *q;
	int64_t before_s;
	struct digest *at;
	size_t n;
};

static int
choose_image(void *ctx, const struct known_image *k)
{
	struct choosing *all = ctx;
	struct digest *at;

	if (known_image_is_used(k) || k->last_used_s > all->before_s)
		return 0;
	at = reallocarray(all->at, all->n + 1, sizeof *at);
	if (at == NULL)
		return 0; /* the next time */
	all->at = at;
	at[all->n++] = k->manifest;
	if (all->q->on_image != NULL)
		all->q->on_image(all->q->ctx, k);
	return 0;
}

static int
foresee(struct catalog *c, const struct choosing *all, uint64_t *freed_bytes,
    struct err *e)
{
	AUTO_FOOTPRINT struct footprint u = { 0 };

	if (footprint_measure(c, all->at, all->n, &u, e) < 0)
		return -1;
	*freed_bytes = u.together_bytes;
	return 0;
}

static int
give_up(struct catalog *c, const struct choosing *all, uint64_t *freed_bytes,
    struct err *e)
{
	for (size_t i = 0; i < all->n; i++)
		if (db_give_up_image(catalog_parts(c)->db, &all->at[i], e) < 0)
			return -1;
	return catalog_sweep_all(c, freed_bytes, e);
}

int
catalog_prune(struct catalog *c, const struct prune_request *q,
    uint64_t *freed_bytes, struct err *e)
{
	struct choosing all = { .q = q,
		.before_s = clock_wall_s() - q->unused_s };
	int rc;

	*freed_bytes = 0;
	rc = catalog_each_known(c, choose_image, &all, e);
	if (rc == 0)
		rc = q->is_dry ? foresee(c, &all, freed_bytes, e)
			       : give_up(c, &all, freed_bytes, e);
	free(all.at);
	return rc;
}
