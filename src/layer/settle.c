/* Layers that were made lately are written to disk for good. */
#include "layer/catalog_private.h"
#include "layer/files.h"
#include "layer/layer.h"
#include "base/err.h"

/* No removal runs till end_settling(). */
static struct layer *
begin_settling(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	while (c->is_removing)
		cond_wait(&c->changed, &c->lock);
	hmap_for_each(&c->records, n) {
		struct record *r = container_of(n, struct record, node);

		if (r->state != RECORD_READY || !r->layer->is_fresh)
			continue;
		r->layer->is_fresh = false;
		c->makings++;
		return r->layer;
	}
	return NULL;
}

static void
end_settling(struct catalog *c, struct layer *l, bool is_fresh)
{
	LOCK_SCOPE(&c->lock);
	l->is_fresh = is_fresh;
	c->makings--;
	cond_broadcast(&c->changed);
}

int
catalog_settle(struct catalog *c, struct err *e)
{
	struct layer *l;

	while ((l = begin_settling(c)) != NULL) {
		int rc =
		    files_settle(c->parts.store, FILES_LAYERS, &l->digest, e);

		end_settling(c, l, rc < 0);
		if (rc < 0)
			return err_wrap(e, "layer %s", DIGEST_TEXT(&l->digest));
	}
	return 0;
}
