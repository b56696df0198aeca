#include "base/hmap.h"
#include "base/test.h"

struct item {
	struct hnode node;
	int key;
};

static struct item *
find(struct hmap *m, int key, uint64_t hash)
{
	hmap_for_each_match(m, hash, n) {
		struct item *i = container_of(n, struct item, node);

		if (i->key == key)
			return i;
	}
	return NULL;
}

static void
what_was_inserted_is_found_until_removed(void **s)
{
	static struct item items[5000];
	struct hmap m = HMAP_INIT;
	size_t seen = 0;

	(void)s;
	assert_null(find(&m, 1, hash_u64(1)));
	assert_null(hmap_any(&m));
	for (int i = 0; i < 5000; i++) {
		items[i].key = i;
		hmap_insert(&m, &items[i].node, hash_u64(i));
	}
	for (int i = 0; i < 5000; i += 2)
		hmap_remove(&m, &items[i].node);
	for (int i = 0; i < 5000; i++)
		assert_ptr_equal(
		    find(&m, i, hash_u64(i)), i % 2 ? &items[i] : NULL);
	hmap_for_each(&m, n)
		seen++;
	assert_int_equal(seen, 2500);
	assert_int_equal(m.count, 2500);
	hmap_release(&m);
}

static void
equal_hashes_are_told_apart_by_key(void **s)
{
	struct item items[3] = { { .key = 1 }, { .key = 2 }, { .key = 3 } };
	struct hmap m = HMAP_INIT;

	(void)s;
	for (int i = 0; i < 3; i++)
		hmap_insert(&m, &items[i].node, 42);
	hmap_remove(&m, &items[1].node);
	assert_ptr_equal(find(&m, 1, 42), &items[0]);
	assert_null(find(&m, 2, 42));
	assert_ptr_equal(find(&m, 3, 42), &items[2]);
	assert_null(find(&m, 3, 43));
	hmap_release(&m);
}

static void
a_map_is_emptied_through_any(void **s)
{
	struct item items[100] = { 0 };
	struct hmap m = HMAP_INIT;
	struct hnode *n;
	int removed = 0;

	(void)s;
	for (int i = 0; i < 100; i++)
		hmap_insert(&m, &items[i].node, i % 7);
	while ((n = hmap_any(&m)) != NULL) {
		hmap_remove(&m, n);
		removed++;
	}
	assert_int_equal(removed, 100);
	hmap_release(&m);
}

static void
every_byte_and_the_seed_change_the_hash(void **s)
{
	uint8_t text[24] = "the quick brown fox jum";
	uint64_t before = hash_bytes(text, 23, 1);

	(void)s;
	assert_true(before == hash_bytes(text, 23, 1));
	assert_true(before != hash_bytes(text, 23, 2));
	assert_true(before != hash_bytes(text, 22, 1));
	for (int i = 0; i < 23; i++) {
		text[i] ^= 1;
		assert_true(before != hash_bytes(text, 23, 1));
		text[i] ^= 1;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_inserted_is_found_until_removed),
		cmocka_unit_test(equal_hashes_are_told_apart_by_key),
		cmocka_unit_test(a_map_is_emptied_through_any),
		cmocka_unit_test(every_byte_and_the_seed_change_the_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
