#include "layer/publisher.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/image.h"
#include "layer/notes.h"
#include "layer/publish.h"
#include "registry/reference.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/thread.h"

enum {
	MOST_OFFERS = 64, /* each keeps its image open */
	REFUSED_S = 24 * 3600,
	DONE_S = 3600,
	NAME_SIZE = LIMIT_REFERENCE_BYTES + 32,
};

struct offer {
	struct list link;
	struct image *image;
	enum companion_kind kind;
	uint64_t due_ns;
	_Atomic bool is_cancelled;
};

struct publisher {
	struct publisher_options options;
	struct notes notes; /* of what is done, and of refusals */
	pthread_t thread;
	_Atomic bool is_stopping;

	struct lock lock; /* guards what follows */
	struct cond changed;
	struct list offers; /* in the order in which they came */
	unsigned n_offers;
	struct offer *current; /* not on the list any more; or NULL */
	bool is_joined;
};

/* ---- one of them ---- */

/* It may not, or the registry takes nothing. */
static bool
is_for_good(const struct err *why)
{
	return why->code == EACCES || why->code == EPROTO ||
	       why->code == ENOTSUP;
}

static void
refuse(struct publisher *p, const struct reference *r, const struct err *why)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof name, "refused %s/%s", r->host, r->repository);
	if (is_for_good(why))
		notes_add(&p->notes, name, REFUSED_S);
	if (why->code != ECANCELED)
		log_info("%s%s", why->msg,
		    is_for_good(why) ? "; not tried again for a day" : "");
}

static bool
is_refused(struct publisher *p, const struct reference *r)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof name, "refused %s/%s", r->host, r->repository);
	return notes_have(&p->notes, name);
}

static void
publish_offer(struct publisher *p, const struct offer *o)
{
	AUTO_REFERENCE struct reference r = { 0 };
	struct publication x = { .image = o->image,
		.reference = &r,
		.kind = o->kind,
		.has_aliases = p->options.has_aliases,
		.is_cancelled = &o->is_cancelled };
	struct err e = ERR_INIT;
	struct published done;
	char name[NAME_SIZE];

	if (reference_parse(&r, o->image->label, &e) < 0 || r.is_layout ||
	    is_refused(p, &r))
		return;
	snprintf(name, sizeof name, "%d %s %.19s", o->kind, r.name,
	    DIGEST_TEXT(&o->image->manifest.digest));
	if (notes_have(&p->notes, name))
		return;
	if (publish(&x, &done, &e) < 0) {
		refuse(p, &r, &e);
		return;
	}
	if (done.outcome != PUBLISH_NOTHING)
		notes_add(&p->notes, name, DONE_S);
}

/* ---- the thread ---- */

static void
offer_free(struct offer *o)
{
	image_unref(o->image);
	free(o);
}

/* Lock held on entry and return, but not meanwhile. */
static void
do_first(struct publisher *p)
{
	struct offer *o =
	    list_entry(list_pop_front(&p->offers), struct offer, link);

	p->n_offers--;
	p->current = o;
	lock_release(&p->lock);
	publish_offer(p, o);
	lock_acquire(&p->lock);
	p->current = NULL;
	lock_release(&p->lock);
	offer_free(o);
	lock_acquire(&p->lock);
}

static void *
publish_main(void *arg)
{
	struct publisher *p = arg;
	LOCK_SCOPE(&p->lock);

	while (!atomic_load(&p->is_stopping)) {
		const struct offer *o;

		if (list_is_empty(&p->offers)) {
			cond_wait(&p->changed, &p->lock);
			continue;
		}
		o = list_entry(p->offers.next, struct offer, link);
		if (o->due_ns <= clock_now_ns())
			do_first(p);
		else
			cond_wait_until(&p->changed, &p->lock, o->due_ns);
	}
	return NULL;
}

/* ---- offering ---- */

static bool
is_offered(
    const struct publisher *p, const struct image *i, enum companion_kind kind)
{
	list_for_each(l, &p->offers) {
		const struct offer *o = list_entry(l, struct offer, link);

		if (o->kind == kind && strcmp(o->image->label, i->label) == 0 &&
		    digest_equal(
			&o->image->manifest.digest, &i->manifest.digest))
			return true;
	}
	return false;
}

static uint64_t
due(const struct publisher *p)
{
	uint64_t now = clock_now_ns();
	uint64_t ms = p->options.delay_ms;

	ms += hash_u64(now ^ getpid()) % (ms / 2 + 1);
	return now + ms * NS_PER_MS;
}

void
publisher_offer(struct publisher *p, struct image *i, enum companion_kind kind)
{
	struct offer *o;

	if (p == NULL || !publish_is_worth_it(i, kind))
		return;
	LOCK_SCOPE(&p->lock);
	if (atomic_load(&p->is_stopping) || p->n_offers >= MOST_OFFERS ||
	    is_offered(p, i, kind) || (o = calloc(1, sizeof *o)) == NULL)
		return;
	o->image = image_ref(i);
	o->kind = kind;
	o->due_ns = due(p);
	list_push_back(&p->offers, &o->link);
	p->n_offers++;
	cond_signal(&p->changed);
}

/* ---- letting go ---- */

static bool
has_layer(const struct image *i, const struct digest *layer)
{
	for (size_t n = 0; n < i->manifest.n_layers; n++)
		if (digest_equal(&i->manifest.layers[n].digest, layer))
			return true;
	return false;
}

/* The next that is of no use any more, off the list; NULL. */
static struct offer *
take_with_layer(struct publisher *p, const struct digest *layer)
{
	LOCK_SCOPE(&p->lock);

	if (p->current != NULL && has_layer(p->current->image, layer))
		p->current->is_cancelled = true;
	list_for_each(l, &p->offers) {
		struct offer *o = list_entry(l, struct offer, link);

		if (!has_layer(o->image, layer))
			continue;
		list_remove(l);
		p->n_offers--;
		return o;
	}
	return NULL;
}

void
publisher_let_go(struct publisher *p, const struct digest *layer)
{
	struct offer *o;

	while (p != NULL && (o = take_with_layer(p, layer)) != NULL)
		offer_free(o);
}

/* ---- life ---- */

struct publisher *
publisher_new(const struct publisher_options *o, struct err *e)
{
	struct publisher *p = calloc(1, sizeof *p);

	if (p == NULL) {
		err_set(e, ENOMEM, "the publisher");
		return NULL;
	}
	p->options = *o;
	notes_init(&p->notes);
	lock_init(&p->lock, RANK_DAEMON);
	cond_init(&p->changed);
	list_init(&p->offers);
	if (thread_start(&p->thread, "publish", publish_main, p, e) == 0)
		return p;
	p->is_joined = true;
	publisher_free(p);
	return NULL;
}

void
publisher_stop(struct publisher *p)
{
	struct list *l;

	if (p == NULL || p->is_joined)
		return;
	lock_acquire(&p->lock);
	atomic_store(&p->is_stopping, true);
	if (p->current != NULL)
		p->current->is_cancelled = true;
	cond_signal(&p->changed);
	lock_release(&p->lock);
	pthread_join(p->thread, NULL);
	p->is_joined = true;
	while ((l = list_pop_front(&p->offers)) != NULL)
		offer_free(list_entry(l, struct offer, link));
}

void
publisher_free(struct publisher *p)
{
	if (p == NULL)
		return;
	publisher_stop(p);
	cond_destroy(&p->changed);
	lock_destroy(&p->lock);
	notes_release(&p->notes);
	free(p);
}
