#include "base/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/thread.h"

struct pool {
	pthread_t *threads;
	unsigned n_threads;

	struct lock lock; /* guards what follows */
	struct cond work;
	struct list queue[POOL_PRIORITIES];
	bool is_ending;
};

static struct task *
next_task(struct pool *p)
{
	LOCK_SCOPE(&p->lock);

	for (;;) {
		for (int i = 0; i < POOL_PRIORITIES; i++) {
			struct list *l = list_pop_front(&p->queue[i]);

			if (l != NULL)
				return list_entry(l, struct task, link);
		}
		if (p->is_ending)
			return NULL;
		cond_wait(&p->work, &p->lock);
	}
}

static void *
pool_run(void *arg)
{
	struct pool *p = arg;
	struct task *t;

	while ((t = next_task(p)) != NULL)
		t->run(t);
	return NULL;
}

struct pool *
pool_new(const char *name, unsigned threads, struct err *e)
{
	struct pool *p = calloc(1, sizeof *p);

	assert(threads > 0);
	if (p == NULL ||
	    (p->threads = calloc(threads, sizeof(pthread_t))) == NULL) {
		free(p);
		err_set(e, ENOMEM, "pool %s", name);
		return NULL;
	}
	lock_init(&p->lock, RANK_POOL);
	cond_init(&p->work);
	for (int i = 0; i < POOL_PRIORITIES; i++)
		list_init(&p->queue[i]);
	for (; p->n_threads < threads; p->n_threads++) {
		if (thread_start(
			&p->threads[p->n_threads], name, pool_run, p, e) < 0) {
			pool_free(p);
			return NULL;
		}
	}
	return p;
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	lock_acquire(&p->lock);
	p->is_ending = true;
	cond_broadcast(&p->work);
	lock_release(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	cond_destroy(&p->work);
	lock_destroy(&p->lock);
	free(p->threads);
	free(p);
}

void
pool_submit(struct pool *p, struct task *t, unsigned priority)
{
	LOCK_SCOPE(&p->lock);

	assert(priority < POOL_PRIORITIES);
	list_push_back(&p->queue[priority], &t->link);
	cond_signal(&p->work);
}
