#include "fetch/guard.h"

void
guard_init(struct guard *g)
{
	*g = (struct guard){ .is_calling = true, .caller = pthread_self() };
	lock_init(&g->lock, RANK_LEAF);
	cond_init(&g->left);
}

void
guard_release(struct guard *g)
{
	cond_destroy(&g->left);
	lock_destroy(&g->lock);
}

static bool
is_mine(const struct guard *g)
{
	return g->is_calling && pthread_equal(g->caller, pthread_self());
}

bool
guard_enter(struct guard *g)
{
	LOCK_SCOPE(&g->lock);

	if (is_mine(g))
		return false;
	while (g->is_calling)
		cond_wait(&g->left, &g->lock);
	if (g->has_ended)
		return false;
	g->is_calling = true;
	g->caller = pthread_self();
	return true;
}

void
guard_leave(struct guard *g)
{
	LOCK_SCOPE(&g->lock);

	g->is_calling = false;
	cond_broadcast(&g->left);
}

void
guard_end(struct guard *g)
{
	LOCK_SCOPE(&g->lock);

	g->has_ended = true;
	while (g->is_calling && !is_mine(g))
		cond_wait(&g->left, &g->lock);
}
