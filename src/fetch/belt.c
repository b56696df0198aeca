#include "fetch/belt.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "format/stretch.h"
#include "registry/source.h"

enum {
	BELT_BYTES = 4 << 20,
	BELT_STRETCHES = BELT_BYTES / STRETCH_BYTES,
	TURN_STRETCHES = 4, /* then another task of the pool has its turn */
};

static struct belt *
of(struct stretch_taker *t)
{
	return container_of(t, struct belt, taker);
}

/* ---- the unpacking thread ---- */

static struct stretch *
take_spare(struct belt *b)
{
	LOCK_SCOPE(&b->lock);
	struct list *l = list_pop_front(&b->spare);

	if (l == NULL)
		return NULL;
	b->n_spare--;
	return list_entry(l, struct stretch, link);
}

static struct stretch *
give_empty(struct stretch_taker *t, struct err *e)
{
	struct stretch *x = take_spare(of(t));

	if (x == NULL && (x = malloc(sizeof *x)) == NULL)
		err_set(e, ENOMEM, "unpacking a layer");
	return x;
}

/* False when nothing more is wanted; *is_idle: the task must be submitted. */
static bool
put(struct belt *b, struct stretch *x, bool *is_idle)
{
	LOCK_SCOPE(&b->lock);

	while (b->n_filled >= BELT_STRETCHES && b->failure.code == 0)
		cond_wait(&b->changed, &b->lock);
	if (b->failure.code != 0)
		return false;
	list_push_back(&b->filled, &x->link);
	b->n_filled++;
	*is_idle = !b->is_storing;
	b->is_storing = true;
	return true;
}

static int
take(struct stretch_taker *t, struct stretch *x, struct err *e)
{
	struct belt *b = of(t);
	bool is_idle = false;

	if (!put(b, x, &is_idle)) {
		free(x);
		*e = b->failure;
		return -1;
	}
	if (is_idle)
		pool_submit(b->pool, &b->task, SOURCE_SOON);
	return 0;
}

/* ---- the storing task ---- */

/* NULL: there is none, and the task is over. */
static struct stretch *
next_filled(struct belt *b)
{
	LOCK_SCOPE(&b->lock);
	struct list *l =
	    b->failure.code == 0 ? list_pop_front(&b->filled) : NULL;

	if (l == NULL) {
		b->is_storing = false;
		cond_broadcast(&b->changed);
		return NULL;
	}
	return list_entry(l, struct stretch, link);
}

static void
give_back(struct belt *b, struct stretch *x, const struct err *failure)
{
	bool is_kept;

	lock_acquire(&b->lock);
	is_kept = b->n_spare < BELT_STRETCHES;
	if (is_kept) {
		list_push_back(&b->spare, &x->link);
		b->n_spare++;
	}
	b->n_filled--;
	if (failure->code != 0 && b->failure.code == 0)
		b->failure = *failure;
	cond_broadcast(&b->changed);
	lock_release(&b->lock);
	if (!is_kept)
		free(x);
}

static void
run(struct task *t)
{
	struct belt *b = container_of(t, struct belt, task);

	for (int i = 0; i < TURN_STRETCHES; i++) {
		struct stretch *x = next_filled(b);
		struct err e = ERR_INIT;

		if (x == NULL)
			return;
		b->store(b->ctx, x, &e);
		give_back(b, x, &e);
	}
	pool_submit(b->pool, &b->task, SOURCE_SOON);
}

/* ---- life ---- */

void
belt_init(struct belt *b, struct pool *pool, belt_store *store, void *ctx)
{
	*b = (struct belt){
		.taker = { give_empty, take },
		.task.run = run,
		.pool = pool,
		.store = store,
		.ctx = ctx,
	};
	lock_init(&b->lock, RANK_LEAF);
	cond_init(&b->changed);
	list_init(&b->filled);
	list_init(&b->spare);
}

static void
wait_until_idle(struct belt *b)
{
	while (b->is_storing)
		cond_wait(&b->changed, &b->lock);
}

int
belt_finish(struct belt *b, struct err *e)
{
	LOCK_SCOPE(&b->lock);

	wait_until_idle(b);
	if (b->failure.code == 0)
		return 0;
	*e = b->failure;
	return -1;
}

static void
free_all(struct list *stretches)
{
	struct list *l;

	while ((l = list_pop_front(stretches)) != NULL)
		free(list_entry(l, struct stretch, link));
}

void
belt_release(struct belt *b)
{
	lock_acquire(&b->lock);
	if (b->failure.code == 0)
		err_set(&b->failure, ECANCELED, "the pull has ended");
	wait_until_idle(b);
	lock_release(&b->lock);
	free_all(&b->filled);
	free_all(&b->spare);
	cond_destroy(&b->changed);
	lock_destroy(&b->lock);
}
