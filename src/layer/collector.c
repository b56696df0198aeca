/* When what nobody wants is removed (layer/collect.c says what): on a thread of
 * its own, soon, or when what keeps it is let go of; and never while a layer is
 * being made. */
#include "layer/catalog_private.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

static void
run_collection(struct task *t)
{
	struct catalog *c = container_of(t, struct catalog, collecting);
	struct err e = ERR_INIT;
	uint64_t freed = 0;

	if (catalog_sweep(c, &freed, &e) < 0)
		log_warn("removing images that nobody uses: %s", e.msg);
	LOCK_SCOPE(&c->lock);
	c->is_collecting = c->is_to_collect;
	c->is_to_collect = false;
	if (c->is_collecting)
		pool_submit(c->collector, t, 0);
}

void
collector_start(struct catalog *c)
{
	if (!c->may_collect)
		return;
	if (c->is_collecting) {
		c->is_to_collect = true;
		return;
	}
	c->is_collecting = true;
	c->collecting.run = run_collection;
	pool_submit(c->collector, &c->collecting, 0);
}

void
catalog_submit(struct catalog *c, struct task *t)
{
	pool_submit(c->collector, t, 0);
}

void
catalog_collect(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	c->may_collect = true;
	collector_start(c);
}

void
catalog_collect_soon(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	collector_start(c);
}

void
catalog_collect_later(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	c->is_put_off = true;
}

/* ---- removing ---- */

/* Where one layer after another is made there may be no moment without: who removes
 * asks for one.  A layer may also be hours in the making, and nobody waits for that:
 * so it is asked for briefly, and again now and then. */
enum { GAP_MS = 1000, GAP_AGAIN_S = 60 };

void
catalog_begin_removal(struct catalog *c)
{
	uint64_t ask_at_ns = 0;

	LOCK_SCOPE(&c->lock);
	c->n_removers++;
	while (c->makings > 0 || c->is_removing) {
		uint64_t now = clock_now_ns();

		if (now >= ask_at_ns) {
			c->gap_until_ns = now + GAP_MS * NS_PER_MS;
			ask_at_ns = now + GAP_AGAIN_S * NS_PER_S;
		}
		cond_wait_until(&c->changed, &c->lock, ask_at_ns);
	}
	if (--c->n_removers == 0)
		c->gap_until_ns = 0;
	c->is_removing = true;
}

void
catalog_end_removal(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	c->is_removing = false;
	cond_broadcast(&c->changed);
}

bool
catalog_put_off_removal(struct catalog *c, const struct digest *manifest)
{
	LOCK_SCOPE(&c->lock);
	list_for_each(l, &c->open) {
		const struct image *i = list_entry(l, struct image, link);

		if (digest_equal(&i->manifest.digest, manifest)) {
			c->is_put_off = true;
			return true;
		}
	}
	return false;
}

bool
catalog_take_left(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	bool was_left = c->is_left;

	c->is_left = false;
	return was_left;
}

/* *l: one that nobody uses; NULL: none is here.  False: somebody uses it. */
static bool
find_unused(struct catalog *c, const struct digest *d, bool is_unwanted,
    struct layer **l)
{
	LOCK_SCOPE(&c->lock);
	struct record *r = record_find(c, d);
	bool is_used = r != NULL && (r->state != RECORD_READY || r->users > 0);

	c->is_left |= is_used && is_unwanted;
	*l = r == NULL || is_used ? NULL : r->layer;
	return !is_used;
}

static void
drop_record(struct catalog *c, const struct digest *d)
{
	LOCK_SCOPE(&c->lock);
	record_drop(c, record_find(c, d));
}

int
catalog_remove_layer(struct catalog *c, const struct digest *d,
    bool is_unwanted, uint64_t *freed_bytes, struct err *e)
{
	struct layer *l;
	uint64_t freed = 0;

	if (!find_unused(c, d, is_unwanted, &l))
		return 0;
	if (l == NULL)
		return 1;
	if (layer_remove(l, &freed, e) < 0)
		return -1;
	drop_record(c, d);
	*freed_bytes += freed;
	return 1;
}
