#include "base/lock.h"
#include "base/pool.h"
#include "base/test.h"

struct work {
	struct lock lock;
	struct cond changed;
	bool is_open; /* the first task waits for it */
	char order[32];
	int n;
};

struct job {
	struct task task;
	struct work *work;
	char name;
};

static void
note(struct task *t)
{
	struct job *j = container_of(t, struct job, task);
	LOCK_SCOPE(&j->work->lock);

	j->work->order[j->work->n++] = j->name;
	cond_broadcast(&j->work->changed);
}

/* Holds the only thread until the queue is filled. */
static void
hold(struct task *t)
{
	struct work *w = container_of(t, struct job, task)->work;
	LOCK_SCOPE(&w->lock);

	while (!w->is_open)
		cond_wait(&w->changed, &w->lock);
}

static void
open_gate(struct work *w)
{
	LOCK_SCOPE(&w->lock);

	w->is_open = true;
	cond_broadcast(&w->changed);
}

static void
work_init(struct work *w)
{
	*w = (struct work){ 0 };
	lock_init(&w->lock, RANK_LEAF);
	cond_init(&w->changed);
}

static void
work_release(struct work *w)
{
	cond_destroy(&w->changed);
	lock_destroy(&w->lock);
}

static void
the_highest_priority_goes_first_and_then_the_oldest(void **s)
{
	struct work w;
	struct job first = { .task.run = hold, .work = &w };
	struct job jobs[6];
	static const unsigned priority[6] = { 2, 1, 0, 2, 1, 0 };
	struct err e = ERR_INIT;
	struct pool *p = pool_new("test", 1, &e);

	(void)s;
	work_init(&w);
	assert_non_null(p);
	pool_submit(p, &first.task, 0); /* ahead of all in any case */
	for (int i = 0; i < 6; i++) {
		jobs[i] = (struct job){
			.task.run = note, .work = &w, .name = 'a' + i
		};
		pool_submit(p, &jobs[i].task, priority[i]);
	}
	open_gate(&w);
	pool_free(p);
	assert_string_equal(w.order, "cfbead");
	work_release(&w);
}

static void
what_is_queued_runs_before_the_end(void **s)
{
	struct work w;
	struct job jobs[30];
	struct err e = ERR_INIT;
	struct pool *p = pool_new("test", 4, &e);

	(void)s;
	work_init(&w);
	assert_non_null(p);
	for (int i = 0; i < 30; i++) {
		jobs[i] =
		    (struct job){ .task.run = note, .work = &w, .name = 'x' };
		pool_submit(p, &jobs[i].task, i % POOL_PRIORITIES);
	}
	pool_free(p);
	assert_int_equal(w.n, 30);
	work_release(&w);
}

struct chain {
	struct task task;
	struct pool *pool;
	struct work *work;
	int left;
};

static void
submit_again(struct task *t)
{
	struct chain *c = container_of(t, struct chain, task);

	if (--c->left > 0) {
		pool_submit(c->pool, t, 1);
		return;
	}
	open_gate(c->work);
}

static void
a_task_may_submit_itself_again(void **s)
{
	struct work w;
	struct err e = ERR_INIT;
	struct pool *p = pool_new("test", 2, &e);
	struct chain c = {
		.task.run = submit_again, .pool = p, .work = &w, .left = 100
	};

	(void)s;
	work_init(&w);
	pool_submit(p, &c.task, 1);
	lock_acquire(&w.lock);
	while (!w.is_open)
		cond_wait(&w.changed, &w.lock);
	lock_release(&w.lock);
	pool_free(p);
	pool_free(NULL);
	assert_int_equal(c.left, 0);
	work_release(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_highest_priority_goes_first_and_then_the_oldest),
		cmocka_unit_test(what_is_queued_runs_before_the_end),
		cmocka_unit_test(a_task_may_submit_itself_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
