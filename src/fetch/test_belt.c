#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "fetch/belt.h"
#include "format/stretch.h"
#include "base/test.h"

enum { MANY = 200, BELT_STRETCHES = 16 };

/* Notes what the belt brings. */
struct keeper {
	struct pool *pool;
	struct belt belt;

	struct lock lock; /* guards what follows */
	struct cond changed;
	bool is_closed; /* the store waits */
	unsigned fail_at;
	unsigned n_stored;
	bool is_in_order;
};

static int
store(void *ctx, const struct stretch *x, struct err *e)
{
	struct keeper *k = ctx;
	LOCK_SCOPE(&k->lock);

	while (k->is_closed)
		cond_wait(&k->changed, &k->lock);
	if (k->n_stored == k->fail_at)
		return err_set(e, ENOSPC, "full");
	k->is_in_order = k->is_in_order && x->stream_off == k->n_stored;
	k->n_stored++;
	return 0;
}

static void
begin(struct keeper *k)
{
	struct err e = ERR_INIT;

	*k = (struct keeper){ .fail_at = MANY + 1, .is_in_order = true };
	lock_init(&k->lock, RANK_LEAF);
	cond_init(&k->changed);
	k->pool = pool_new("decode", 2, &e);
	assert_non_null(k->pool);
	belt_init(&k->belt, k->pool, store, k);
}

static void
end(struct keeper *k)
{
	belt_release(&k->belt);
	pool_free(k->pool);
	cond_destroy(&k->changed);
	lock_destroy(&k->lock);
}

static void
set_closed(struct keeper *k, bool is_closed)
{
	LOCK_SCOPE(&k->lock);

	k->is_closed = is_closed;
	cond_broadcast(&k->changed);
}

static int
put(struct keeper *k, unsigned number, struct err *e)
{
	struct stretch_taker *t = &k->belt.taker;
	struct stretch *x = t->empty(t, e);

	assert_non_null(x);
	x->stream_off = number;
	return t->take(t, x, e);
}

static void
all_is_stored_in_order(void **state)
{
	struct keeper k;
	struct err e = ERR_INIT;

	(void)state;
	begin(&k);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(put(&k, i, &e), 0);
	assert_int_equal(belt_finish(&k.belt, &e), 0);
	assert_int_equal(k.n_stored, MANY);
	assert_true(k.is_in_order);
	end(&k);
}

static void *
put_many(void *arg)
{
	struct keeper *k = arg;
	struct err e = ERR_INIT;

	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(put(k, i, &e), 0);
	return NULL;
}

static size_t
count_filled(struct keeper *k)
{
	LOCK_SCOPE(&k->belt.lock);

	return k->belt.n_filled;
}

static void
who_unpacks_waits_for_a_slow_store(void **state)
{
	struct keeper k;
	struct err e = ERR_INIT;
	pthread_t t;

	(void)state;
	begin(&k);
	set_closed(&k, true);
	assert_int_equal(pthread_create(&t, NULL, put_many, &k), 0);
	while (count_filled(&k) < BELT_STRETCHES)
		sched_yield();
	set_closed(&k, false);
	pthread_join(t, NULL);
	assert_int_equal(belt_finish(&k.belt, &e), 0);
	assert_int_equal(k.n_stored, MANY);
	assert_true(k.is_in_order);
	end(&k);
}

static void
what_the_store_fails_with_ends_the_unpacking(void **state)
{
	struct keeper k;
	struct err e = ERR_INIT;
	int rc = 0;

	(void)state;
	begin(&k);
	k.fail_at = 3;
	for (unsigned i = 0; rc == 0 && i < MANY; i++)
		rc = put(&k, i, &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ENOSPC);
	assert_fails(belt_finish(&k.belt, &e), e, ENOSPC);
	assert_int_equal(k.n_stored, 3);
	end(&k);
}

/* The first is being stored, the rest never is. */
static void
what_lies_on_it_at_the_end_is_dropped(void **state)
{
	struct keeper k;
	struct err e = ERR_INIT;

	(void)state;
	begin(&k);
	k.fail_at = 0;
	set_closed(&k, true);
	for (unsigned i = 0; i < BELT_STRETCHES; i++)
		assert_int_equal(put(&k, i, &e), 0);
	set_closed(&k, false);
	end(&k);
	assert_int_equal(k.n_stored, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_stored_in_order),
		cmocka_unit_test(who_unpacks_waits_for_a_slow_store),
		cmocka_unit_test(what_the_store_fails_with_ends_the_unpacking),
		cmocka_unit_test(what_lies_on_it_at_the_end_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
