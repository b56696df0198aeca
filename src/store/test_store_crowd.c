/* Many threads at one store. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "store/testing_bytes.h"

enum { SHARED_BLOCKS = 64, ROUNDS = 150, CHUNK = 2500 };

struct crowd {
	struct store *store;
	_Atomic bool is_over;
	_Atomic unsigned n_wrong;
};

static void *
write_for_ever(void *arg)
{
	struct crowd *c = arg;
	uint64_t seed = (uintptr_t)&seed;
	uint8_t p[CHUNK];
	struct err e = ERR_INIT;

	for (int i = 0; i < ROUNDS * 40; i++) {
		uint64_t n = SHARED_BLOCKS * B / CHUNK;
		uint64_t off = next_random(&seed) % n * CHUNK;

		fill(p, off, CHUNK);
		if (store_write(c->store, p, CHUNK, off, false, &e) < 0)
			c->n_wrong++;
	}
	return NULL;
}

static void *
read_for_ever(void *arg)
{
	struct crowd *c = arg;
	uint64_t seed = 99;
	uint8_t p[3 * B], want[3 * B];

	while (!c->is_over) {
		uint64_t off = next_random(&seed) % (SHARED_BLOCKS * B - 3 * B);
		struct err e = ERR_INIT;

		if (store_read(c->store, p, sizeof p, off, &e) < 0) {
			c->n_wrong += e.code != EAGAIN;
			continue;
		}
		fill(want, off, sizeof want);
		c->n_wrong += memcmp(p, want, sizeof p) != 0;
	}
	return NULL;
}

static void *
sync_for_ever(void *arg)
{
	struct crowd *c = arg;
	struct err e = ERR_INIT;

	while (!c->is_over)
		if (store_sync(c->store, &e) < 0)
			c->n_wrong++;
	return NULL;
}

static void *
drop_for_ever(void *arg)
{
	struct crowd *c = arg;
	uint64_t seed = 5;
	struct err e = ERR_INIT;

	for (int i = 0; i < ROUNDS; i++)
		if (store_drop(c->store, next_random(&seed) % SHARED_BLOCKS * B,
			3 * B, &e) < 0)
			c->n_wrong++;
	return NULL;
}

static void
a_crowd_never_reads_a_wrong_byte(void **state)
{
	struct crowd c = { .store = open_at(*(int *)*state, "boot 1") };
	pthread_t writers[2], others[3], dropper;
	struct store_usage u;
	uint64_t n = 0;

	for (int i = 0; i < 2; i++)
		pthread_create(&writers[i], NULL, write_for_ever, &c);
	pthread_create(&others[0], NULL, read_for_ever, &c);
	pthread_create(&others[1], NULL, read_for_ever, &c);
	pthread_create(&others[2], NULL, sync_for_ever, &c);
	pthread_create(&dropper, NULL, drop_for_ever, &c);
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	pthread_join(dropper, NULL);
	c.is_over = true;
	for (int i = 0; i < 3; i++)
		pthread_join(others[i], NULL);
	assert_int_equal(c.n_wrong, 0);
	store_usage(c.store, &u);
	for (uint64_t b = 0; b <= SHARED_BLOCKS + 3; b++)
		n += store_has(c.store, b * B, B);
	assert_int_equal(u.present_bytes, n * B);
	store_close(c.store);

	/* After a "reboot" whatever counts as there is right. */
	c.store = open_at(*(int *)*state, "boot 2");
	for (uint64_t b = 0; b < SHARED_BLOCKS; b++)
		if (store_has(c.store, b * B, B))
			assert_holds(c.store, b * B, B);
	store_close(c.store);
}

/* One block behind many: a read takes long enough to meet its drop. */
static void *
drop_and_put_back(void *arg)
{
	struct crowd *c = arg;
	uint64_t off = (SHARED_BLOCKS - 1) * B;
	uint8_t p[B];
	struct err e = ERR_INIT;

	fill(p, off, B);
	for (int i = 0; i < 20 * ROUNDS; i++)
		if (store_drop(c->store, off, B, &e) < 0 ||
		    store_write(c->store, p, B, off, false, &e) < 0)
			c->n_wrong++;
	c->is_over = true;
	return NULL;
}

static void
a_read_that_meets_a_drop_sees_no_hole(void **state)
{
	struct crowd c = { .store = open_at(*(int *)*state, "boot 1") };
	AUTO_FREE uint8_t *p = malloc(SHARED_BLOCKS * B);
	AUTO_FREE uint8_t *want = malloc(SHARED_BLOCKS * B);
	pthread_t dropper;

	put(c.store, 0, SHARED_BLOCKS * B, false);
	fill(want, 0, SHARED_BLOCKS * B);
	pthread_create(&dropper, NULL, drop_and_put_back, &c);
	while (!c.is_over) {
		struct err e = ERR_INIT;

		if (store_read(c.store, p, SHARED_BLOCKS * B, 0, &e) < 0)
			c.n_wrong += e.code != EAGAIN;
		else
			c.n_wrong += memcmp(p, want, SHARED_BLOCKS * B) != 0;
	}
	pthread_join(dropper, NULL);
	assert_int_equal(c.n_wrong, 0);
	store_close(c.store);
}

#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_crowd_never_reads_a_wrong_byte),
		IN_FOLDER(a_read_that_meets_a_drop_sees_no_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
