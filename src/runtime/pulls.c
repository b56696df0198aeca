#include "runtime/pulls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/labels.h"
#include "runtime/snapshotter.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "registry/reference.h"
#include "base/awake.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/pool.h"

enum { OPENERS = 8, KEEP_S = 5, KEEP_FAILED_S = 10 };

struct pull {
	struct list link;
	struct task task;
	struct pulls *pulls;
	struct reference reference;
	bool has_manifest, is_promised;
	struct digest manifest;

	/* pulls->lock */
	struct awake awake;
	uint64_t until_ns; /* of it: nobody waits for longer */
	enum { PULL_OPENING, PULL_OPEN, PULL_FAILED } state;
	unsigned waiters; /* that look at it: it is not freed */
	uint64_t ended_ns;
	struct image *image;
	struct err failure;
};

struct pulls {
	const struct snapshotter_parts *parts;
	struct pool *openers;

	struct lock lock; /* guards what follows */
	struct cond changed;
	struct list all;
	bool is_cancelled;
};

/* ---- opening ---- */

static struct image *
open_image(struct pull *p, struct err *e)
{
	const struct snapshotter_parts *parts = p->pulls->parts;
	struct image_request q = {
		.reference = &p->reference,
		.layout = -1,
		.manifest = p->has_manifest ? &p->manifest : NULL,
		.whole_max_bytes =
		    p->is_promised ? 0 : parts->whole_layer_bytes,
		.is_partial = true,
		.is_start = true,
		.is_unnamed = true,
	};
	struct image *i;

	if (parts->authorise != NULL)
		parts->authorise(parts->ctx, &p->reference);
	i = catalog_open_image(parts->catalog, &q, e);
	if (i == NULL)
		return NULL;
	image_start(i);
	image_fill_small(i, parts->small_layer_bytes);
	return i;
}

static void
run_opening(struct task *t)
{
	struct pull *p = container_of(t, struct pull, task);
	struct pulls *all = p->pulls;
	struct err failure = ERR_INIT;
	struct image *i = open_image(p, &failure);

	LOCK_SCOPE(&all->lock);
	p->image = i;
	p->failure = failure;
	p->state = i == NULL ? PULL_FAILED : PULL_OPEN;
	p->ended_ns = clock_now_ns();
	cond_broadcast(&all->changed);
}

static void
free_pull(struct pull *p)
{
	image_unref(p->image);
	reference_release(&p->reference);
	free(p);
}

static struct pull *
new_pull(struct pulls *all, const struct remote_request *r, struct err *e)
{
	struct pull *p = calloc(1, sizeof *p);

	if (p == NULL) {
		err_set(e, ENOMEM, "%s", r->reference);
		return NULL;
	}
	if (reference_parse(&p->reference, r->reference, e) < 0) {
		free(p);
		return NULL;
	}
	p->task.run = run_opening;
	p->pulls = all;
	p->has_manifest = r->has_manifest;
	p->manifest = r->manifest;
	p->is_promised = r->is_promised;
	p->until_ns = awake_now_ns(&p->awake) +
		      all->parts->prepare_timeout_ms * NS_PER_MS;
	if (!p->reference.is_layout)
		return p;
	/* A label must not make us read folders. */
	err_set(e, EINVAL, "%s: not in a registry", p->reference.name);
	free_pull(p);
	return NULL;
}

/* ---- the list, with the lock held ---- */

static bool
is_same(const struct pull *a, const struct pull *b)
{
	return strcmp(a->reference.name, b->reference.name) == 0 &&
	       a->is_promised == b->is_promised &&
	       a->has_manifest == b->has_manifest &&
	       (!a->has_manifest || digest_equal(&a->manifest, &b->manifest));
}

static struct pull *
find_pull(struct pulls *all, const struct pull *like)
{
	list_for_each(l, &all->all) {
		struct pull *p = list_entry(l, struct pull, link);

		if (is_same(p, like))
			return p;
	}
	return NULL;
}

/* One that is on its way or done, or this one, begun. */
static struct pull *
join_or_begin(struct pulls *all, struct pull *mine)
{
	struct pull *p = find_pull(all, mine);

	if (p != NULL)
		return p;
	list_push_back(&all->all, &mine->link);
	pool_submit(all->openers, &mine->task, 0);
	return mine;
}

static bool
wait_for(struct pulls *all, struct pull *p)
{
	p->waiters++;
	while (p->state == PULL_OPENING && !all->is_cancelled)
		if (!cond_wait_awake(
			&all->changed, &all->lock, &p->awake, p->until_ns))
			break;
	p->waiters--;
	return p->state != PULL_OPENING;
}

static struct image *
answer(struct pull *p, struct err *e)
{
	if (p->state == PULL_FAILED) {
		*e = p->failure;
		return NULL;
	}
	return image_ref(p->image);
}

static struct image *
take_joined(struct pulls *all, struct pull **mine, struct err *e)
{
	LOCK_SCOPE(&all->lock);
	struct pull *p = join_or_begin(all, *mine);

	if (p == *mine)
		*mine = NULL;
	if (wait_for(all, p))
		return answer(p, e);
	if (all->is_cancelled)
		err_set(e, ECANCELED, "%s: the daemon ends", p->reference.name);
	else
		err_set(e, ETIMEDOUT,
		    "%s: the registry takes longer than %u ms",
		    p->reference.name, all->parts->prepare_timeout_ms);
	return NULL;
}

struct image *
pulls_take(struct pulls *all, const struct remote_request *r, struct err *e)
{
	struct pull *mine = new_pull(all, r, e);
	struct image *i;

	if (mine == NULL)
		return NULL;
	pulls_expire(all, 0);
	i = take_joined(all, &mine, e);
	if (mine != NULL)
		free_pull(mine);
	return i;
}

void
pulls_cancel(struct pulls *all)
{
	LOCK_SCOPE(&all->lock);
	all->is_cancelled = true;
	cond_broadcast(&all->changed);
}

/* What an index lied about is kept for nobody. */
static bool
is_expired(const struct pull *p, uint64_t now_ns)
{
	uint64_t keep_s = p->state == PULL_FAILED ? KEEP_FAILED_S : KEEP_S;

	if (p->state == PULL_OPENING || p->waiters > 0)
		return false;
	return now_ns >= p->ended_ns + keep_s * NS_PER_S ||
	       (p->image != NULL &&
		   image_is_distrusted(p->image, IMAGE_MERGED));
}

void
pulls_expire(struct pulls *all, uint64_t now_ns)
{
	struct list expired, *l;

	list_init(&expired);
	{
		LOCK_SCOPE(&all->lock);
		list_for_each_safe(k, &all->all) {
			struct pull *p = list_entry(k, struct pull, link);

			if (!is_expired(p, now_ns))
				continue;
			list_remove(&p->link);
			list_push_back(&expired, &p->link);
		}
	}
	while ((l = list_pop_front(&expired)) != NULL)
		free_pull(list_entry(l, struct pull, link));
}

/* ---- starting and ending ---- */

struct pulls *
pulls_new(const struct snapshotter_parts *p, struct err *e)
{
	struct pulls *all = calloc(1, sizeof *all);

	if (all == NULL) {
		err_set(e, ENOMEM, "pulls");
		return NULL;
	}
	all->parts = p;
	lock_init(&all->lock, RANK_DAEMON);
	cond_init(&all->changed);
	list_init(&all->all);
	all->openers = pool_new("opener", OPENERS, e);
	if (all->openers == NULL) {
		pulls_free(all);
		return NULL;
	}
	return all;
}

void
pulls_free(struct pulls *all)
{
	if (all == NULL)
		return;
	pool_free(all->openers);
	pulls_expire(all, UINT64_MAX);
	cond_destroy(&all->changed);
	lock_destroy(&all->lock);
	free(all);
}
