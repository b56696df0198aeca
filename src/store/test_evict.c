/* Eviction: what goes first and what stays; who owns what is present. */
#include <string.h>

#include "store/room.h"
#include "store/share.h"
#include "store/testing_evict.h"

enum { B = STORE_BLOCK, UNIT = HEAT_UNIT_BLOCKS * STORE_BLOCK };

static void
read_object(struct store *s, const struct map *m, uint32_t i)
{
	struct object o = object_at(m, i);
	AUTO_FREE uint8_t *p = malloc(o.size);
	struct err e;

	OK(store_read(s, p, o.size, o.data_off, &e));
}

/* n objects of a whole unit each. */
static struct map *
add_large(struct shop *h, const char *name, uint32_t first, uint32_t n)
{
	struct err e = ERR_INIT;
	AUTO_MAP_BUILDER struct map_builder *b = map_builder_new(&e);

	for (uint32_t i = 0; i < n; i++)
		OK(build_object(b, first + i, UNIT, UNIT, &h->blob_off, &e));
	return shop_add(h, b, name);
}

static void
idle_maps_go_in_order_and_no_further_than_needed(void **state)
{
	struct shop h;
	struct evictable maps[2];

	open_loaded(&h, state);
	maps[0].map = shop_add_layer(&h, "a", 100, 10);
	maps[1].map = shop_add_layer(&h, "b", 200, 10);
	maps[0].class = maps[1].class = EVICT_IDLE;
	fetch_all(h.store, maps[0].map);
	fetch_all(h.store, maps[1].map);
	assert_int_equal(evict(h.store, maps, 2, 4 * 2 * B), 4 * 2 * B);
	assert_false(has_object(h.store, maps[0].map, 3));
	assert_true(has_object(h.store, maps[0].map, 4));
	assert_int_equal(evict(h.store, maps, 2, 8 * 2 * B), 8 * 2 * B);
	assert_int_equal(store_map_present(h.store, maps[0].map), 0);
	assert_false(has_object(h.store, maps[1].map, 1));
	assert_true(has_object(h.store, maps[1].map, 2));
	shop_close(&h);
}

static void
what_a_pinned_or_used_map_shares_stays(void **state)
{
	struct shop h;
	struct evictable maps[3];

	open_loaded(&h, state);
	maps[0] =
	    (struct evictable){ shop_add_layer(&h, "a", 100, 10), EVICT_IDLE };
	/* Two of the same contents, and three. */
	maps[1] =
	    (struct evictable){ shop_add_layer(&h, "b", 108, 2), EVICT_NEVER };
	maps[2] =
	    (struct evictable){ shop_add_layer(&h, "c", 100, 3), EVICT_IDLE };
	fetch_all(h.store, maps[0].map);
	assert_int_equal(evict(h.store, maps, 2, MIB(9)), 8 * 2 * B);
	assert_true(has_object(h.store, maps[1].map, 0));
	assert_true(has_object(h.store, maps[1].map, 1));

	fetch_all(h.store, maps[0].map);
	assert_int_equal(evict(h.store, maps, 3, 5 * 2 * B), 5 * 2 * B);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(has_object(h.store, maps[2].map, i));
	shop_close(&h);
}

static void
of_what_is_in_use_the_longest_not_read_goes(void **state)
{
	struct shop h;
	struct evictable live;

	open_loaded(&h, state);
	live = (struct evictable){ add_large(&h, "a", 100, 8), EVICT_LIVE };
	fetch_all(h.store, live.map);
	store_age(h.store);
	for (uint32_t i = 0; i < 8; i += 2)
		read_object(h.store, live.map, i);
	store_age(h.store);
	read_object(h.store, live.map, 3);
	assert_int_equal(evict(h.store, &live, 1, 3 * UNIT), 3 * UNIT);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(
		    has_object(h.store, live.map, i), i % 2 == 0 || i == 3);
	/* All of them are older than this one. */
	assert_int_equal(evict(h.store, &live, 1, 4 * UNIT), 4 * UNIT);
	assert_true(has_object(h.store, live.map, 3));
	assert_int_equal(evict(h.store, &live, 1, UNIT), UNIT);
	assert_int_equal(store_map_present(h.store, live.map), 0);
	shop_close(&h);
}

static void
what_a_start_needs_goes_last(void **state)
{
	struct shop h;
	struct evictable live;
	struct evict_span start = { .len = UNIT };
	struct eviction v = { .maps = &live,
		.n_maps = 1,
		.start = &start,
		.n_start = 1,
		.need_bytes = 3 * UNIT };
	struct err e;

	open_loaded(&h, state);
	live = (struct evictable){ add_large(&h, "a", 100, 4), EVICT_LIVE };
	start.data_off = object_at(live.map, 0).data_off;
	fetch_all(h.store, live.map);
	store_age(h.store);
	read_object(h.store, live.map, 1);
	OK(store_evict(h.store, &v, &e));
	assert_true(has_object(h.store, live.map, 0));
	assert_false(has_object(h.store, live.map, 1));
	OK(store_evict(h.store, &v, &e));
	assert_false(has_object(h.store, live.map, 0));
	shop_close(&h);
}

/* Only the whole blob gives its chunks. */
static struct map *
add_stream(struct shop *h, const char *name, uint32_t n)
{
	struct err e = ERR_INIT;
	AUTO_MAP_BUILDER struct map_builder *b = map_builder_new(&e);

	for (uint32_t i = 0; i < n; i++) {
		struct digest d = digest_number(500 + i);
		struct chunk c = { .blob_off = i * B,
			.len = B,
			.codec = CHUNK_STREAM,
			.has_digest = true,
			.digest = d };
		uint32_t ordinal;
		bool is_new;

		OK(map_builder_begin_object(b, &d, B, &ordinal, &is_new, &e));
		OK(map_builder_add_chunk(b, &c, &e));
		OK(map_builder_end_object(b, &e));
	}
	return shop_add(h, b, name);
}

static void
a_stream_in_use_goes_whole_and_only_when_it_must(void **state)
{
	struct shop h;
	struct evictable maps[2];
	struct eviction v = { .maps = maps, .n_maps = 2, .need_bytes = B };
	struct err e;

	open_loaded(&h, state);
	maps[0] = (struct evictable){ add_stream(&h, "a", 10), EVICT_WHOLE };
	maps[1] =
	    (struct evictable){ shop_add_layer(&h, "b", 100, 1), EVICT_LIVE };
	assert_true(store_map_is_whole(maps[0].map));
	assert_false(store_map_is_whole(maps[1].map));
	fetch_all(h.store, maps[0].map);
	fetch_all(h.store, maps[1].map);
	OK(store_evict(h.store, &v, &e));
	assert_int_equal(v.freed_bytes, 2 * B);
	assert_int_equal(store_map_present(h.store, maps[0].map), 10 * B);
	/* Nothing else is left, but it was read just now. */
	OK(store_evict(h.store, &v, &e));
	assert_int_equal(v.freed_bytes, 0);
	for (int i = 0; i < 300; i++)
		store_age(h.store);
	OK(store_evict(h.store, &v, &e));
	assert_int_equal(v.freed_bytes, 10 * B);

	fetch_all(h.store, maps[0].map);
	v.is_full = true;
	OK(store_evict(h.store, &v, &e));
	assert_int_equal(v.freed_bytes, 10 * B);
	/* Of one that nobody uses, too, half would be worth nothing. */
	fetch_all(h.store, maps[0].map);
	maps[0].class = EVICT_IDLE;
	OK(store_evict(h.store, &v, &e));
	assert_int_equal(v.freed_bytes, 10 * B);
	shop_close(&h);
}

enum { CHUNK = 3 * UNIT + 5000 }; /* ends inside of a block */

/* An object of three chunks, of which the one in the middle, read last, is left. */
static struct object
leave_the_middle(struct shop *h, struct evictable *live, void **state)
{
	struct err e = ERR_INIT;
	AUTO_MAP_BUILDER struct map_builder *b = map_builder_new(&e);
	AUTO_FREE uint8_t *p = malloc(CHUNK);
	struct object o;

	open_loaded(h, state);
	OK(build_object(b, 7, 3 * CHUNK, CHUNK, &h->blob_off, &e));
	*live = (struct evictable){ shop_add(h, b, "a"), EVICT_LIVE };
	fetch_all(h->store, live->map);
	o = object_at(live->map, 0);
	store_age(h->store);
	OK(store_read(h->store, p, CHUNK, o.data_off + CHUNK, &e));
	assert_true(evict(h->store, live, 1, 5 * UNIT) > 5 * UNIT);
	assert_true(store_has(h->store, o.data_off + CHUNK, CHUNK));
	return o;
}

static void
a_chunk_that_stays_is_whole(void **state)
{
	struct shop h;
	struct evictable live;
	struct object o = leave_the_middle(&h, &live, state);

	assert_false(store_has(h.store, o.data_off, CHUNK));
	assert_false(store_has(h.store, o.data_off + 2 * CHUNK, CHUNK));
	shop_close(&h);
}

/* What it shares with chunks that are gone goes with it; and such a rest, which is as
 * old as they were, is not taken for something that could go before it. */
static void
blocks_that_chunks_shared_go_with_the_last_of_them(void **state)
{
	struct shop h;
	struct evictable live;

	leave_the_middle(&h, &live, state);
	assert_true(evict(h.store, &live, 1, B) >= CHUNK);
	assert_int_equal(store_map_present(h.store, live.map), 0);
	shop_close(&h);
}

/* ---- room ---- */

struct maker {
	unsigned pressed, made, full;
};

static void
on_pressure(void *ctx)
{
	((struct maker *)ctx)->pressed++;
}

static bool
make(void *ctx, bool is_full)
{
	struct maker *m = ctx;

	m->made++;
	m->full += is_full;
	return false;
}

static void
a_write_over_a_bound_asks_for_room_and_is_carried_out(void **state)
{
	struct shop h;
	struct maker m = { 0 };
	struct store_room room = { 8 * B, 12 * B, on_pressure, make, &m };
	uint8_t p[4 * B] = { 1 };
	struct err e;

	shop_open(&h, *(int *)*state);
	store_set_room(h.store, &room);
	OK(store_write(h.store, p, sizeof p, 0, false, &e));
	assert_int_equal(m.pressed + m.made, 0);
	/* What takes no disk does not count. */
	OK(store_write_zeros(h.store, 100 * B, 100 * B, false, &e));
	OK(store_write(h.store, p, B, 4 * B, false, &e));
	assert_int_equal(m.pressed + m.made, 0);
	OK(store_write(h.store, p, sizeof p, 5 * B, false, &e));
	assert_int_equal(m.pressed, 1);
	OK(store_write(h.store, p, sizeof p, 9 * B, false, &e));
	assert_int_equal(m.made, 1);
	assert_int_equal(m.full, 0);
	assert_true(store_has(h.store, 0, 13 * B));
	shop_close(&h);
}

/* ---- shares ---- */

static void
what_rm_frees_is_what_no_other_image_names(void **state)
{
	struct shop h;
	const struct map *a[2], *b[1];
	struct share users[2] = { { a, 2, 0, 0 }, { b, 1, 0, 0 } };
	uint64_t freed;
	struct err e;

	open_loaded(&h, state);
	a[0] = shop_add_layer(&h, "a0", 100, 10);
	a[1] = shop_add_layer(&h, "a1", 108, 4); /* two of them are a0's */
	b[0] = shop_add_layer(&h, "b", 111, 3);  /* one of a1's */
	fetch_all(h.store, a[0]);
	OK(store_measure_shares(h.store, users, 2, &e));
	assert_int_equal(users[0].own_bytes, 10 * 2 * B);
	assert_int_equal(users[1].own_bytes, 0);
	fetch_all(h.store, a[1]);
	fetch_all(h.store, b[0]);
	OK(store_measure_shares(h.store, users, 2, &e));
	assert_int_equal(users[0].own_bytes, 11 * 2 * B);
	assert_int_equal(users[0].shared_bytes, 2 * B);
	assert_int_equal(users[1].own_bytes, 2 * 2 * B);
	assert_int_equal(users[1].shared_bytes, 2 * B);
	OK(store_remove_map(h.store, h.maps[2], &freed, &e));
	assert_int_equal(freed, users[1].own_bytes);
	shop_close(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(idle_maps_go_in_order_and_no_further_than_needed),
		IN_FOLDER(what_a_pinned_or_used_map_shares_stays),
		IN_FOLDER(of_what_is_in_use_the_longest_not_read_goes),
		IN_FOLDER(what_a_start_needs_goes_last),
		IN_FOLDER(a_stream_in_use_goes_whole_and_only_when_it_must),
		IN_FOLDER(a_chunk_that_stays_is_whole),
		IN_FOLDER(blocks_that_chunks_shared_go_with_the_last_of_them),
		IN_FOLDER(
		    a_write_over_a_bound_asks_for_room_and_is_carried_out),
		IN_FOLDER(what_rm_frees_is_what_no_other_image_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
