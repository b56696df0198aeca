#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "layer/catalog_private.h"
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
#include "store/room.h"
#include "store/store.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

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

struct notes *
catalog_notes(struct catalog *c)
{
	return &c->notes;
}

/* ---- records ---- */

struct record *
record_find(struct catalog *c, const struct digest *d)
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

void
record_drop(struct catalog *c, struct record *r)
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
	struct recordings_options o = { c->parts.record_ms, c->parts.quiet_ms,
		c->parts.publisher };

	c->recordings = recordings_new(c->parts.store, &o, e);
	return c->recordings == NULL ? -1 : 0;
}

/* glibc makes its heap ready in the first call into it, and not for two threads
 * at a time.  As a rule that call is an early malloc; where another malloc stands
 * before glibc's, a sanitizer's for one, it is the first malloc_trim(), and makers
 * that end together died of it. */
static void
ready_heap(void)
{
	malloc_trim(0);
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
	ready_heap();
	c->parts = *p;
	notes_init(&c->notes);
	lock_init(&c->lock, RANK_IMAGE);
	cond_init(&c->changed);
	list_init(&c->open);
	list_init(&c->merging);
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
		record_drop(c, r);
	}
	hmap_release(&c->records);
	cond_destroy(&c->changed);
	lock_destroy(&c->lock);
	notes_release(&c->notes);
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

/* A full disk may have room when something else goes. */
static int
make_files(struct catalog *c, const struct layer_making *m, struct err *e)
{
	if (layer_make(m, e) == 0)
		return 0;
	if (!store_make_room(c->parts.store, e))
		return -1;
	*e = ERR_INIT;
	return layer_make(m, e);
}

/* Makes the layer without holding the lock; `r` is ours while RECORD_MAKING. */
static struct layer *
make_layer(struct catalog *c, const struct layer_making *m, struct err *e)
{
	const struct digest *d = &m->descriptor->digest;
	struct layer *l;
	struct db_layer row = { .digest = *d,
		.blob_size = m->descriptor->size };

	if (make_files(c, m, e) < 0)
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
		record_drop(c, r);
	if (c->is_left)
		collector_start(c);
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

/* With the lock held, which is let go of meanwhile. */
static void
make_record(struct catalog *c, const struct layer_making *m, struct record *r)
{
	struct err failure = ERR_INIT;
	struct layer *l;

	begin_making(c, r);
	lock_release(&c->lock);
	l = make_layer(c, m, &failure);
	/* A tree of 45,000 entries leaves tens of MiB that malloc would keep
	 * for a next time that may never come. */
	malloc_trim(0);
	lock_acquire(&c->lock);
	end_making(c, r, l, &failure);
}

/* With the lock held: no removal is under way, nor asks for a moment without
 * makers. */
static void
wait_for_turn(struct catalog *c)
{
	for (;;)
		if (c->is_removing)
			cond_wait(&c->changed, &c->lock);
		else if (clock_now_ns() < c->gap_until_ns)
			cond_wait_until(&c->changed, &c->lock, c->gap_until_ns);
		else
			return;
}

static struct record *
find_or_add(struct catalog *c, const struct digest *d)
{
	struct record *r = record_find(c, d);

	if (r == NULL && (r = add_record(c, d)) != NULL)
		r->state = RECORD_FAILED; /* nobody has tried yet */
	return r;
}

/* With the lock held: the record, with one user more.  One that failed and has no
 * other user is this one's to make, now. */
static struct record *
join_record(struct catalog *c, const struct digest *d)
{
	for (;;) {
		struct record *r;

		wait_for_turn(c);
		r = find_or_add(c, d);
		if (r == NULL)
			return NULL;
		r->users++;
		if (r->state != RECORD_MAKING)
			return r;
		while (r->state == RECORD_MAKING)
			cond_wait(&c->changed, &c->lock);
		if (r->state == RECORD_READY || r->users > 1)
			return r;
		/* Its maker failed and is gone, and somebody may be removing. */
		leave_record(c, r);
	}
}

static struct layer *
obtain_layer(struct catalog *c, const struct layer_making *m, struct err *e)
{
	const struct digest *d = &m->descriptor->digest;
	LOCK_SCOPE(&c->lock);
	struct record *r = join_record(c, d);

	if (r == NULL) {
		err_set(e, ENOMEM, "layer %s", DIGEST_TEXT(d));
		return NULL;
	}
	if (r->state == RECORD_FAILED && r->users == 1)
		make_record(c, m, r);
	return finish_taking(c, r, e);
}

struct layer *
catalog_take_layer(
    struct catalog *c, const struct layer_making *m, struct err *e)
{
	struct err busy = ERR_INIT;
	struct layer *l = record_find_honest(c, &m->descriptor->digest, &busy);

	if (busy.code != 0) {
		*e = busy;
		return NULL;
	}
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
	struct record *r = record_find(c, d);

	if (r == NULL || r->state != RECORD_READY)
		return NULL;
	r->users++;
	return r->layer;
}

void
catalog_put_layer(struct catalog *c, struct layer *l)
{
	LOCK_SCOPE(&c->lock);
	struct record *r = record_find(c, &l->digest);

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
		collector_start(c);
	}
	cond_broadcast(&c->changed);
}
