/* The addresses: objects found again across maps, places, gaps, removal. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "store/room.h"
#include "store/shop.h"

enum { B = STORE_BLOCK };

/* What an earlier process left. */
static struct map *
reload(struct shop *h, const char *name)
{
	AUTO_CLOSE int fd = openat(h->root, name, O_RDONLY | O_CLOEXEC);
	struct err e = ERR_INIT;
	struct map *m = map_open(fd, &e);

	assert_non_null(m);
	OK(store_add_map(h->store, m, &e));
	h->maps[h->n_maps++] = m;
	return m;
}

static uint64_t
place_of(const struct map *m, uint32_t content)
{
	struct digest d = digest_number(content);

	for (uint32_t i = 0; i < map_n_objects(m); i++) {
		struct object o;

		map_object(m, i, &o);
		if (digest_equal(&o.digest, &d))
			return o.data_off;
	}
	return MAP_NOWHERE;
}

static void
write_object(struct shop *h, uint64_t off)
{
	uint8_t p[2 * B];
	struct err e;

	memset(p, 7, sizeof p);
	OK(store_write(h->store, p, sizeof p, off, true, &e));
}

/* ---- sharing ---- */

static void
a_layer_lies_in_one_piece_in_its_own_order(void **state)
{
	struct shop h;
	struct map *m;
	struct err e;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	m = shop_add_layer(&h, "a", 1, 100);
	for (uint32_t i = 1; i < 100; i++)
		assert_int_equal(place_of(m, i) + 2 * B, place_of(m, i + 1));
	shop_close(&h);
}

static void
equal_objects_of_two_layers_share_a_place(void **state)
{
	struct shop h;
	struct map *a, *b;
	struct store_usage u;
	struct digest d = digest_number(60);
	uint64_t off;
	struct err e;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	a = shop_add_layer(&h, "a", 1, 100);
	b = shop_add_layer(&h, "b", 51, 100);
	for (uint32_t i = 51; i <= 100; i++)
		assert_int_equal(place_of(a, i), place_of(b, i));
	store_usage(h.store, &u);
	assert_int_equal(u.objects, 150);
	assert_int_equal(u.address_bytes, 150 * 2 * B);
	assert_true(store_find_object(h.store, &d, 2 * B, &off));
	assert_int_equal(off, place_of(a, 60));
	assert_false(store_find_object(h.store, &d, 2 * B - 1, &off));
	shop_close(&h);
}

static void
sharing_outlives_the_process(void **state)
{
	struct shop h;
	struct map *a, *b;
	struct err e;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	shop_add_layer(&h, "a", 1, 10);
	shop_close(&h);
	shop_open(&h, *(int *)*state);
	a = reload(&h, "a");
	OK(store_maps_loaded(h.store, &e));
	b = shop_add_layer(&h, "b", 10, 2);
	assert_int_equal(place_of(a, 10), place_of(b, 10));
	assert_int_equal(place_of(b, 11), 20 * B);
	shop_close(&h);
}

static void
unknown_digests_are_never_shared(void **state)
{
	struct shop h;
	struct err e = ERR_INIT;
	struct store_usage u;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	for (int i = 0; i < 2; i++) {
		AUTO_MAP_BUILDER struct map_builder *b = map_builder_new(&e);

		OK(build_object(b, 0, B, B, &h.blob_off, &e));
		shop_add(&h, b, i == 0 ? "a" : "b");
	}
	store_usage(h.store, &u);
	assert_int_equal(u.objects, 0);
	assert_int_equal(u.address_bytes, 2 * B);
	shop_close(&h);
}

/* An object with a famous digest, over chunks that somebody else made. */
static void
add_liar(struct map_builder *b, uint32_t claimed, uint32_t bytes, uint64_t size,
    uint32_t chunk_len)
{
	struct digest d = digest_number(claimed);
	uint32_t ordinal;
	bool is_new;
	struct err e;

	OK(map_builder_begin_object(b, &d, size, &ordinal, &is_new, &e));
	for (uint64_t off = 0; off < size; off += chunk_len) {
		struct chunk c = { .codec = CHUNK_RAW,
			.object_off = off,
			.blob_len = min_u64(chunk_len, size - off),
			.len = min_u64(chunk_len, size - off),
			.has_digest = true,
			.digest = digest_number(bytes + off) };

		OK(map_builder_add_chunk(b, &c, &e));
	}
	OK(map_builder_end_object(b, &e));
}

static void
a_layer_that_lies_about_a_digest_shares_nothing(void **state)
{
	struct shop h;
	struct map *liar, *honest;
	struct digest d = digest_number(1);
	struct err e = ERR_INIT;
	AUTO_MAP_BUILDER struct map_builder *b = map_builder_new(&e);
	AUTO_MAP_BUILDER struct map_builder *c = map_builder_new(&e);
	uint64_t off;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	add_liar(b, 1, 666, 2 * B, 2 * B);
	/* Its first chunk is the honest one's, the second is not. */
	add_liar(b, 2, 2000, 5 * B, 2 * B);
	liar = shop_add(&h, b, "liar");
	assert_false(store_find_object(h.store, &d, 2 * B, &off));
	OK(build_object(c, 1, 2 * B, 2 * B, &h.blob_off, &e));
	OK(build_object(c, 2, 5 * B, 2 * B, &h.blob_off, &e));
	honest = shop_add(&h, c, "honest");
	assert_int_not_equal(place_of(liar, 1), place_of(honest, 1));
	assert_int_not_equal(place_of(liar, 2), place_of(honest, 2));
	assert_true(store_find_object(h.store, &d, 2 * B, &off));
	assert_int_equal(off, place_of(honest, 1));
	shop_close(&h);
}

/* ---- removing ---- */

static void
removing_a_layer_frees_only_what_it_had_alone(void **state)
{
	struct shop h;
	struct map *a, *b;
	struct digest d = digest_number(75);
	uint64_t freed, off;
	struct err e;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	a = shop_add_layer(&h, "a", 1, 100);
	b = shop_add_layer(&h, "b", 51, 100);
	for (uint32_t i = 1; i <= 100; i++)
		write_object(&h, place_of(a, i));
	assert_int_equal(store_map_present(h.store, a), 200 * B);
	assert_int_equal(store_map_present(h.store, b), 100 * B);
	OK(store_remove_map(h.store, a, &freed, &e));
	assert_int_equal(freed, 100 * B);
	assert_int_equal(store_map_present(h.store, b), 100 * B);
	assert_false(store_has(h.store, place_of(a, 50), 2 * B));
	/* Now the second layer's entries are the ones that are found. */
	assert_true(store_find_object(h.store, &d, 2 * B, &off));
	assert_int_equal(off, place_of(b, 75));
	d = digest_number(50);
	assert_false(store_find_object(h.store, &d, 2 * B, &off));
	OK(store_remove_map(h.store, b, &freed, &e));
	assert_int_equal(freed, 100 * B);
	d = digest_number(75);
	assert_false(store_find_object(h.store, &d, 2 * B, &off));
	shop_close(&h);
}

static void
freed_addresses_come_back_after_the_next_open(void **state)
{
	struct shop h;
	struct map *a;
	uint64_t freed, old;
	struct store_usage u;
	struct err e;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	a = shop_add_layer(&h, "a", 1, 10);
	old = place_of(a, 1);
	shop_add_layer(&h, "b", 11, 10);
	OK(store_remove_map(h.store, a, &freed, &e));
	a = shop_add_layer(&h, "c", 21, 10);
	assert_int_not_equal(place_of(a, 21), old);
	OK(store_remove_map(h.store, a, &freed, &e));
	shop_close(&h);

	shop_open(&h, *(int *)*state);
	reload(&h, "b");
	OK(store_maps_loaded(h.store, &e));
	a = shop_add_layer(&h, "d", 31, 10);
	assert_int_equal(place_of(a, 31), old);
	a = shop_add_layer(&h, "e", 41, 10);
	assert_int_equal(place_of(a, 41), 40 * B);
	store_usage(h.store, &u);
	assert_int_equal(u.address_bytes, 60 * B);
	shop_close(&h);
}

static void
a_gap_is_empty_when_it_is_handed_out(void **state)
{
	struct shop h;
	struct map *a;
	uint64_t off, beyond;
	uint8_t p[100] = { 1 };
	struct store_usage u;
	struct err e;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	/* Named by no map, before and behind one that is: two whole objects
	 * that are durable, and an edge that has no bit. */
	OK(store_allocate(h.store, 4 * B, &off, &e));
	a = shop_add_layer(&h, "a", 1, 1);
	OK(store_allocate(h.store, 4 * B, &beyond, &e));
	write_object(&h, off);
	write_object(&h, place_of(a, 1));
	write_object(&h, beyond);
	OK(store_write(h.store, p, sizeof p, off + 3 * B, false, &e));
	OK(store_sync(h.store, &e));
	shop_close(&h);

	shop_open(&h, *(int *)*state);
	a = reload(&h, "a");
	OK(store_maps_loaded(h.store, &e));
	assert_int_equal(store_map_present(h.store, a), 2 * B);
	store_usage(h.store, &u);
	assert_int_equal(u.present_bytes, 2 * B);
	assert_int_equal(u.data_bytes, 2 * B);
	assert_false(bits_has(&h.store->present.durable, off / B));
	assert_false(bits_has(&h.store->present.durable, beyond / B));
	assert_true(bits_has(&h.store->present.durable, place_of(a, 1) / B));
	shop_close(&h);
}

/* As a power cut leaves them: the bytes are there, their bits are not. */
static void
what_no_bit_vouches_for_gives_its_disk_back(void **state)
{
	enum { SYNCED = 100, ALL = 3000 };
	struct shop h;
	struct map *m;
	struct err e;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	m = shop_add_layer(&h, "a", 1, ALL);
	for (uint32_t i = 1; i <= ALL; i++) {
		write_object(&h, place_of(m, i));
		if (i == SYNCED)
			OK(store_sync(h.store, &e));
	}
	assert_true(store_disk_bytes(h.store) >= ALL * 2 * B);
	shop_close(&h);

	h = (struct shop){ .root = *(int *)*state };
	h.store = store_open_at_boot(h.root, "another boot", &e);
	assert_non_null(h.store);
	m = reload(&h, "a");
	assert_true(store_disk_bytes(h.store) >= ALL * 2 * B);
	OK(store_maps_loaded(h.store, &e));
	assert_int_equal(store_map_present(h.store, m), SYNCED * 2 * B);
	assert_in_range(
	    store_disk_bytes(h.store), SYNCED * 2 * B, SYNCED * 2 * B + MIB(1));
	for (uint32_t i = 1; i <= SYNCED; i++) {
		uint8_t p[2 * B];

		OK(store_read(h.store, p, sizeof p, place_of(m, i), &e));
		assert_int_equal(p[0], 7);
		assert_int_equal(p[2 * B - 1], 7);
	}
	shop_close(&h);
}

static void
a_gap_that_a_later_map_names_is_not_handed_out(void **state)
{
	struct shop h;
	uint64_t off;
	struct err e;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	shop_add_layer(&h, "a", 1, 2);
	shop_add_layer(&h, "b", 3, 2);
	shop_add_layer(&h, "c", 5, 2);
	shop_close(&h);

	shop_open(&h, *(int *)*state);
	reload(&h, "c");
	OK(store_maps_loaded(h.store, &e));
	reload(&h, "b");
	OK(store_allocate(h.store, 5 * B, &off, &e));
	assert_int_equal(off, 12 * B);
	OK(store_allocate(h.store, 4 * B, &off, &e));
	assert_int_equal(off, 0);
	shop_close(&h);
}

static void
a_freed_range_is_dropped(void **state)
{
	struct shop h;
	uint64_t off, next;
	struct err e;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	OK(store_allocate(h.store, 2 * B - 1, &off, &e));
	write_object(&h, off);
	OK(store_free_range(h.store, off, 2 * B - 1, &e));
	assert_false(store_has(h.store, off, 1));
	OK(store_allocate(h.store, 1, &next, &e));
	assert_int_equal(next, off + 2 * B);
	shop_close(&h);
}

static void
addresses_end_somewhere(void **state)
{
	struct shop h;
	struct err e = ERR_INIT;
	AUTO_MAP_BUILDER struct map_builder *b = map_builder_new(&e);
	uint64_t off;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	assert_fails(
	    store_allocate(h.store, LIMIT_LAYER_BYTES + 1, &off, &e), e, E2BIG);
	h.store->space.end = BITS_BLOCKS - 2;
	assert_fails(store_allocate(h.store, 3 * B, &off, &e), e, ENOSPC);
	OK(build_object(b, 1, 3 * B, 3 * B, &h.blob_off, &e));
	assert_fails(store_place(h.store, b, &e), e, ENOSPC);
	shop_close(&h);
}

/* ---- against a model: layers come and go ---- */

enum { LAYERS = 12, CONTENTS = 300 };

static bool
has_content(const struct map *m, uint32_t content)
{
	return m != NULL && place_of(m, content) != MAP_NOWHERE;
}

static void
layers_come_and_go_and_every_content_is_found(void **state)
{
	struct map *layers[LAYERS] = { 0 };
	uint64_t seed = 3, freed;
	struct shop h;
	struct err e;

	shop_open(&h, *(int *)*state);
	OK(store_maps_loaded(h.store, &e));
	for (int i = 0; i < 200; i++) {
		uint32_t k = next_random(&seed) % LAYERS, n_found = 0;
		struct store_usage u;

		if (layers[k] != NULL) {
			OK(store_remove_map(h.store, layers[k], &freed, &e));
			map_close(take_ptr(&layers[k]));
		} else {
			layers[k] = shop_add_layer(&h, "layer",
			    1 + next_random(&seed) % 200,
			    1 + next_random(&seed) % 100);
			unlinkat(h.root, "layer", 0);
			h.n_maps = 0;
		}
		for (uint32_t c = 1; c <= CONTENTS; c++) {
			struct digest d = digest_number(c);
			bool is_there = false;
			uint64_t off;

			for (int l = 0; l < LAYERS; l++)
				is_there |= has_content(layers[l], c);
			n_found += is_there;
			assert_int_equal(is_there,
			    store_find_object(h.store, &d, 2 * B, &off));
		}
		store_usage(h.store, &u);
		assert_int_equal(u.objects, n_found);
	}
	shop_close(&h);
	for (int l = 0; l < LAYERS; l++)
		map_close(layers[l]);
}

#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_layer_lies_in_one_piece_in_its_own_order),
		IN_FOLDER(equal_objects_of_two_layers_share_a_place),
		IN_FOLDER(sharing_outlives_the_process),
		IN_FOLDER(unknown_digests_are_never_shared),
		IN_FOLDER(a_layer_that_lies_about_a_digest_shares_nothing),
		IN_FOLDER(removing_a_layer_frees_only_what_it_had_alone),
		IN_FOLDER(freed_addresses_come_back_after_the_next_open),
		IN_FOLDER(a_gap_is_empty_when_it_is_handed_out),
		IN_FOLDER(what_no_bit_vouches_for_gives_its_disk_back),
		IN_FOLDER(a_gap_that_a_later_map_names_is_not_handed_out),
		IN_FOLDER(a_freed_range_is_dropped),
		IN_FOLDER(addresses_end_somewhere),
		IN_FOLDER(layers_come_and_go_and_every_content_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
