#include "layer/catalog.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "layer/files.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "layer/recordings.h"
#include "layer/sources.h"
#include "fetch/fetch.h"
#include "registry/manifest.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "registry/source.h"
#include "store/db.h"
#include "store/store.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/pool.h"

/* A layer that is here or being made.
 *
 *	absent -> making -> ready -> absent
 *	              \-> failed -> absent   (when the last waiter has seen it)
 */
struct record {
	struct hnode node; /* by digest */
	struct digest digest;
	enum { RECORD_MAKING, RECORD_READY, RECORD_FAILED } state;
	struct layer *layer; /* RECORD_READY */
	struct err failure;  /* RECORD_FAILED */
	unsigned users;      /* open images, makers and waiters */
};

struct catalog {
	struct catalog_parts parts;
	struct recordings *recordings;

	struct pool *collector; /* one thread: removals nobody waits for */

	struct lock lock; /* guards what follows */
	struct cond changed;
	struct hmap records;
	struct list open; /* images */
	/* Making a layer points it at objects of others, removing one frees
	 * objects: never both at once. */
	unsigned makings;
	bool is_removing;
	bool may_collect; /* the start is over */
	bool is_put_off;  /* an open image may be unwanted */
	struct task collecting;
	bool is_collecting; /* it is queued or runs */
	bool is_to_collect; /* and is to run once more */
};

const struct catalog_parts *
catalog_parts(const struct catalog *c)
{
	return &c->parts;
}

struct recordings *
catalog_recordings(const struct catalog *c)
{
	return c->recordings;
}

/* ---- records ---- */

static struct record *
find_record(struct catalog *c, const struct digest *d)
{
	hmap_for_each_match(&c->records, digest_prefix(d), n) {
		struct record *r = container_of(n, struct record, node);

		if (digest_equal(&r->digest, d))
			return r;
	}
	return NULL;
}

static struct record *
add_record(struct catalog *c, const struct digest *d)
{
	struct record *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->digest = *d;
	hmap_insert(&c->records, &r->node, digest_prefix(d));
	return r;
}

static void
drop_record(struct catalog *c, struct record *r)
{
	hmap_remove(&c->records, &r->node);
	free(r);
}

/* ---- starting ---- */

struct loading {
	struct catalog *catalog;
	struct err *e;
};

/* A layer that could not be read.  That this process lacks something is not the
 * layer's fault, and going on without it would give its contents' places away:
 * another life may have it. */
static int
drop_layer(struct loading *l, const struct digest *d)
{
	int code = l->e->code;

	if (code == ENOMEM || code == EMFILE || code == ENFILE)
		return -1;
	log_warn("%s; removed, to be made again", l->e->msg);
	return files_remove_dir(l->catalog->parts.store, FILES_LAYERS, d, l->e);
}

static int
load_layer(void *ctx, const struct digest *d)
{
	struct loading *l = ctx;
	struct catalog *c = l->catalog;
	struct layer *layer =
	    layer_open(c->parts.store, c->parts.fetcher, d, l->e);
	struct record *r;

	if (layer == NULL)
		return drop_layer(l, d);
	r = add_record(c, d);
	if (r == NULL) {
		layer_close(layer);
		return err_set(l->e, ENOMEM, "layer %s", DIGEST_TEXT(d));
	}
	r->state = RECORD_READY;
	r->layer = layer;
	sources_restore(&c->parts, layer);
	return 0;
}

static int
open_recordings(struct catalog *c, struct err *e)
{
	struct recordings_options o = { c->parts.record_ms, c->parts.quiet_ms };

	c->recordings = recordings_new(c->parts.store, &o, e);
	return c->recordings == NULL ? -1 : 0;
}

struct catalog *
catalog_new(const struct catalog_parts *p, struct err *e)
{
	struct catalog *c = calloc(1, sizeof *c);
	struct loading l = { c, e };

	if (c == NULL) {
		err_set(e, ENOMEM, "catalog");
		return NULL;
	}
	c->parts = *p;
	lock_init(&c->lock, RANK_IMAGE);
	cond_init(&c->changed);
	list_init(&c->open);
	c->collector = pool_new("collect", 1, e);
	if (c->collector == NULL || files_prepare(p->store, e) < 0 ||
	    files_each(p->store, FILES_LAYERS, load_layer, &l, e) < 0 ||
	    open_recordings(c, e) < 0 || store_maps_loaded(p->store, e) < 0) {
		catalog_free(c);
		return NULL;
	}
	return c;
}

static void
wait_until_unused(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	while (!list_is_empty(&c->open))
		cond_wait(&c->changed, &c->lock);
}

void
catalog_free(struct catalog *c)
{
	struct hnode *n;

	if (c == NULL)
		return;
	if (c->recordings != NULL)
		recordings_stop(c->recordings);
	wait_until_unused(c);
	recordings_free(c->recordings);
	pool_free(c->collector);
	while ((n = hmap_any(&c->records)) != NULL) {
		struct record *r = container_of(n, struct record, node);

		layer_close(r->layer);
		drop_record(c, r);
	}
	hmap_release(&c->records);
	cond_destroy(&c->changed);
	lock_destroy(&c->lock);
	free(c);
}

/* ---- taking layers ---- */

/* With the lock held. */
static void
wait_for_removal(struct catalog *c)
{
	while (c->is_removing)
		cond_wait(&c->changed, &c->lock);
}

/* Makes the layer without holding the lock; `r` is ours while RECORD_MAKING. */
static struct layer *
make_layer(struct catalog *c, const struct layer_making *m, struct err *e)
{
	const struct digest *d = &m->descriptor->digest;
	struct layer *l;
	struct db_layer row = { .digest = *d,
		.blob_size = m->descriptor->size };

	if (layer_make(m, e) < 0)
		return NULL;
	l = layer_open(c->parts.store, c->parts.fetcher, d, e);
	if (l == NULL)
		return NULL;
	row.format = l->format;
	row.reason = l->reason;
	row.last_used_s = clock_wall_s();
	/* The files are the truth, the database is for looking. */
	if (db_set_layer(c->parts.db, &row, &(struct err){ 0 }) < 0)
		log_warn("layer %s: not noted in state.db", DIGEST_TEXT(d));
	return l;
}

static void
begin_making(struct catalog *c, struct record *r)
{
	r->state = RECORD_MAKING;
	c->makings++;
}

static void
end_making(struct catalog *c, struct record *r, struct layer *l,
    const struct err *failure)
{
	r->layer = l;
	r->state = l == NULL ? RECORD_FAILED : RECORD_READY;
	if (l == NULL)
		r->failure = *failure;
	c->makings--;
	cond_broadcast(&c->changed);
}

/* One user less; a failure is forgotten when everyone has seen it. */
static void
leave_record(struct catalog *c, struct record *r)
{
	if (--r->users > 0)
		return;
	if (r->state == RECORD_FAILED)
		drop_record(c, r);
	cond_broadcast(&c->changed);
}

static struct layer *
finish_taking(struct catalog *c, struct record *r, struct err *e)
{
	struct layer *l = r->layer;

	if (r->state == RECORD_FAILED) {
		*e = r->failure;
		leave_record(c, r);
	}
	return l;
}

/* With the lock held: waits for another maker, or becomes the maker itself. */
static struct layer *
wait_or_make(struct catalog *c, const struct layer_making *m, struct record *r,
    struct err *e)
{
	struct err failure = ERR_INIT;
	struct layer *l;

	while (r->state == RECORD_MAKING)
		cond_wait(&c->changed, &c->lock);
	if (r->state == RECORD_READY || r->users > 1)
		return finish_taking(c, r, e);
	begin_making(c, r);
	lock_release(&c->lock);
	l = make_layer(c, m, &failure);
	/* A tree of 45,000 entries leaves tens of MiB that malloc would keep
	 * for a next time that may never come. */
	malloc_trim(0);
	lock_acquire(&c->lock);
	end_making(c, r, l, &failure);
	return finish_taking(c, r, e);
}

static struct layer *
obtain_layer(struct catalog *c, const struct layer_making *m, struct err *e)
{
	const struct digest *d = &m->descriptor->digest;
	LOCK_SCOPE(&c->lock);
	wait_for_removal(c);
	struct record *r = find_record(c, d);

	if (r == NULL) {
		r = add_record(c, d);
		if (r != NULL)
			r->state = RECORD_FAILED; /* nobody has tried yet */
	}
	if (r == NULL) {
		err_set(e, ENOMEM, "layer %s", DIGEST_TEXT(d));
		return NULL;
	}
	r->users++;
	return wait_or_make(c, m, r, e);
}

struct layer *
catalog_take_layer(
    struct catalog *c, const struct layer_making *m, struct err *e)
{
	struct layer *l = catalog_find_layer(c, &m->descriptor->digest);

	/* What the asker's limit forbids is no failure of the layer: others may
	 * wait for it, without limit. */
	if (l == NULL && layer_check_making(m, e) < 0)
		return NULL;
	if (l == NULL)
		l = obtain_layer(c, m, e);
	for (unsigned i = 0; l != NULL && i < m->n_sources; i++)
		sources_remember(&c->parts, l, m->sources[i]);
	return l;
}

struct layer *
catalog_find_layer(struct catalog *c, const struct digest *d)
{
	LOCK_SCOPE(&c->lock);
	wait_for_removal(c);
	struct record *r = find_record(c, d);

	if (r == NULL || r->state != RECORD_READY)
		return NULL;
	r->users++;
	return r->layer;
}

void
catalog_put_layer(struct catalog *c, struct layer *l)
{
	LOCK_SCOPE(&c->lock);
	struct record *r = find_record(c, &l->digest);

	assert(r != NULL && r->layer == l && r->users > 0);
	leave_record(c, r);
}

unsigned
catalog_count_layers(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	return c->records.count;
}

/* ---- open images ---- */

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

/* With the lock held. */
static void
start_collection(struct catalog *c)
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
catalog_collect(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	c->may_collect = true;
	start_collection(c);
}

void
catalog_collect_soon(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	start_collection(c);
}

void
catalog_add_open(struct catalog *c, struct image *i)
{
	LOCK_SCOPE(&c->lock);
	wait_for_removal(c);
	list_push_back(&c->open, &i->link);
}

void
catalog_drop_open(struct catalog *c, struct image *i)
{
	LOCK_SCOPE(&c->lock);
	list_remove(&i->link);
	if (c->is_put_off) {
		c->is_put_off = false;
		start_collection(c);
	}
	cond_broadcast(&c->changed);
}

void
catalog_collect_later(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	c->is_put_off = true;
}

/* ---- removing ---- */

void
catalog_begin_removal(struct catalog *c)
{
	LOCK_SCOPE(&c->lock);
	while (c->makings > 0 || c->is_removing)
		cond_wait(&c->changed, &c->lock);
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

struct layer *
catalog_withdraw_layer(struct catalog *c, const struct digest *d)
{
	LOCK_SCOPE(&c->lock);
	struct record *r = find_record(c, d);
	struct layer *l;

	if (r == NULL || r->state != RECORD_READY || r->users > 0)
		return NULL;
	l = r->layer;
	drop_record(c, r);
	return l;
}
