/* What a waiting reader has stays, whoever makes room. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "store/lease.h"
#include "store/testing_evict.h"

enum { B = STORE_BLOCK };

/* Of three objects, all here, the second's first block is leased. */
static const struct map *
open_leased(struct shop *h, void **state, struct lease *l, struct object *o)
{
	const struct map *m;

	open_loaded(h, state);
	m = shop_add_layer(h, "a", 100, 3);
	fetch_all(h->store, m);
	*o = object_at(m, 1);
	store_lease(h->store, l, o->data_off + 5, 1);
	return m;
}

static void
what_is_leased_stays_until_the_lease_ends(void **state)
{
	struct shop h;
	struct evictable idle = { .class = EVICT_IDLE };
	struct object o;
	struct lease l;

	idle.map = open_leased(&h, state, &l, &o);
	assert_int_equal(evict(h.store, &idle, 1, MIB(1)), 5 * B);
	assert_true(store_has(h.store, o.data_off, B));
	assert_false(store_has(h.store, o.data_off + B, B));
	store_unlease(h.store, &l);
	assert_int_equal(evict(h.store, &idle, 1, MIB(1)), B);
	shop_close(&h);
}

static void
what_is_leased_is_dropped_only_where_it_is_wrong(void **state)
{
	struct shop h;
	struct object o;
	struct lease l;
	struct err e;

	open_leased(&h, state, &l, &o);
	OK(store_drop_unleased(h.store, o.data_off, 2 * B, &e));
	assert_true(store_has(h.store, o.data_off, B));
	assert_false(store_has(h.store, o.data_off + B, B));
	OK(store_drop(h.store, o.data_off, 2 * B, &e));
	assert_false(store_has(h.store, o.data_off, B));
	store_unlease(h.store, &l);
	shop_close(&h);
}

struct race {
	struct store *store;
	struct evictable map;
	_Atomic bool is_over;
	_Atomic unsigned n_lost;
};

static void *
evict_for_ever(void *arg)
{
	struct race *r = arg;
	struct err e = ERR_INIT;

	while (!r->is_over) {
		struct eviction v = {
			.maps = &r->map, .n_maps = 1, .need_bytes = MIB(64)
		};

		if (store_evict(r->store, &v, &e) < 0)
			r->n_lost++;
	}
	return NULL;
}

/* As a want does it: lease, fetch what is missing, read; once. */
static void
read_as_a_want(struct race *r, const struct object *o)
{
	uint8_t p[2 * B], want[2 * B];
	struct lease l;
	struct err e = ERR_INIT;

	store_lease(r->store, &l, o->data_off, o->size);
	for (int half = 0; half < 2; half++) {
		uint64_t off = o->data_off + half * B;

		memset(p, 9, B);
		if (!store_has(r->store, off, B))
			store_write(r->store, p, B, off, half == 1, &e);
		sched_yield();
	}
	memset(want, 9, sizeof want);
	if (store_read(r->store, p, sizeof p, o->data_off, &e) < 0 ||
	    memcmp(p, want, sizeof p) != 0)
		r->n_lost++;
	store_unlease(r->store, &l);
}

static void *
want_for_ever(void *arg)
{
	struct race *r = arg;
	uint64_t seed = (uintptr_t)&seed;

	for (int i = 0; i < 2000; i++) {
		struct object o = object_at(r->map.map, next_random(&seed) % 4);

		read_as_a_want(r, &o);
	}
	return NULL;
}

static void
whoever_holds_a_lease_reads_at_the_first_try(void **state)
{
	struct shop h;
	struct race r = { .map.class = EVICT_LIVE };
	pthread_t evicter, readers[2];

	open_loaded(&h, state);
	r.store = h.store;
	r.map.map = shop_add_layer(&h, "a", 100, 4);
	pthread_create(&evicter, NULL, evict_for_ever, &r);
	for (int i = 0; i < 2; i++)
		pthread_create(&readers[i], NULL, want_for_ever, &r);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	r.is_over = true;
	pthread_join(evicter, NULL);
	assert_int_equal(r.n_lost, 0);
	shop_close(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(what_is_leased_stays_until_the_lease_ends),
		IN_FOLDER(what_is_leased_is_dropped_only_where_it_is_wrong),
		IN_FOLDER(whoever_holds_a_lease_reads_at_the_first_try),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
