#include <stdbool.h>
#include <string.h>

#include "fetch/link.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/test.h"

/* A request that was asked at `at_ms`: first byte, end and bytes. */
static void
learn(struct link *l, uint64_t at_ms, uint64_t first_ms, uint64_t end_ms,
    uint64_t bytes)
{
	const struct link_times t = {
		.asked_ns = NS_PER_S + at_ms * NS_PER_MS,
		.first_ns = NS_PER_S + (at_ms + first_ms) * NS_PER_MS,
		.end_ns = NS_PER_S + (at_ms + end_ms) * NS_PER_MS,
		.bytes = bytes,
	};

	link_learn(l, &t);
}

static bool
is_about(uint64_t is, uint64_t wanted)
{
	return is > wanted / 10 * 9 && is < wanted / 10 * 11;
}

static void
a_host_has_one_link_whatever_the_repository(void **state)
{
	struct links links = { 0 };
	struct link *a = links_find(&links, "a:5000/python");

	assert_ptr_equal(links_find(&links, "a:5000/odd"), a);
	assert_ptr_not_equal(links_find(&links, "a:500/odd"), a);
	assert_ptr_not_equal(links_find(&links, "a:50001/odd"), a);
	assert_string_equal(a->peer, "a:5000");
	(void)state;
}

static void
names_of_any_length_find_a_link(void **state)
{
	struct links links = { 0 };
	char name[2 * LINK_PEER_BYTES + 1];

	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = 0;
	assert_ptr_equal(links_find(&links, name), links_find(&links, name));
	assert_ptr_equal(links_find(&links, ""), links_find(&links, "/"));
	(void)state;
}

static void
what_a_host_refused_is_tried_again_after_ten_minutes(void **state)
{
	const uint64_t now = NS_PER_S, minute = 60 * NS_PER_S;
	struct link l = { 0 };

	assert_int_equal(link_parts(&l, now), SOURCE_PARTS_UNKNOWN);
	link_note_parts(&l, SOURCE_PARTS_REFUSED, now);
	link_note_parts(&l, SOURCE_PARTS_UNKNOWN, now);
	assert_int_equal(link_parts(&l, now + minute), SOURCE_PARTS_REFUSED);
	assert_int_equal(
	    link_parts(&l, now + 10 * minute), SOURCE_PARTS_UNKNOWN);
	link_note_parts(&l, SOURCE_PARTS_GIVEN, now);
	assert_int_equal(link_parts(&l, now + 20 * minute), SOURCE_PARTS_GIVEN);
	(void)state;
}

static void
more_hosts_than_places_take_the_oldest_ones(void **state)
{
	struct links links = { 0 };
	struct link *first = links_find(&links, "first/x");
	char name[16] = "a/x";

	learn(first, 0, 100, 300, MIB(1));
	first->flying_bytes = 7;
	for (int i = 0; i < LINKS_MAX - 1; i++, name[0]++)
		assert_ptr_not_equal(links_find(&links, name), first);
	assert_ptr_equal(links_find(&links, "last/x"), first);
	assert_int_equal(first->round_trip_ns, 0);
	assert_int_equal(first->flying_bytes, 7);
	(void)state;
}

static void
the_round_trip_is_the_shortest_of_late(void **state)
{
	struct link l = { 0 };

	learn(&l, 0, 120, 130, 1000);
	learn(&l, 200, 100, 110, 1000);
	assert_int_equal(l.round_trip_ns, 100 * NS_PER_MS);
	learn(&l, 400, 260, 270, 1000);
	assert_int_equal(l.round_trip_ns, 100 * NS_PER_MS);
	for (int i = 0; i < 200; i++)
		learn(&l, 1000 + 300 * i, 260, 270, 1000);
	assert_true(is_about(l.round_trip_ns, 260 * NS_PER_MS));
	(void)state;
}

static void
requests_side_by_side_add_up_to_the_rate(void **state)
{
	struct link l = { 0 };

	/* Ten of 125 KB between 100 and 200 ms: 12.5 MB/s. */
	for (int i = 0; i < 10; i++)
		learn(&l, 0, 100, 110 + 10 * i, 125000);
	assert_true(is_about(l.bytes_per_s, 12500000));
	assert_true(is_about(link_bubble(&l), 1250000));
	(void)state;
}

static void
one_large_request_shows_the_rate_by_itself(void **state)
{
	struct link l = { 0 };

	learn(&l, 0, 10, 20, 1250000);
	assert_true(is_about(l.bytes_per_s, 125000000));
	(void)state;
}

static void
a_link_that_got_slower_is_found_out(void **state)
{
	struct link l = { 0 };

	learn(&l, 0, 100, 200, 12500000);
	for (int i = 1; i < 200; i++)
		learn(&l, 1000 * i, 100, 300, 250000);
	assert_true(is_about(l.bytes_per_s, 1250000));
	(void)state;
}

static void
what_failed_teaches_nothing(void **state)
{
	struct link l = { 0 };

	learn(&l, 0, 0, 5, 0);
	assert_int_equal(l.round_trip_ns, 0);
	assert_int_equal(l.bytes_per_s, 0);
	(void)state;
}

static void
a_bubble_has_limits(void **state)
{
	struct link l = { .round_trip_ns = 1, .bytes_per_s = 1 };

	assert_int_equal(link_bubble(&l), KIB(64));
	l = (struct link){ .round_trip_ns = UINT64_MAX,
		.bytes_per_s = UINT64_MAX };
	assert_int_equal(link_bubble(&l), MIB(8));
	(void)state;
}

static void
what_flies_leaves_less_room(void **state)
{
	struct link l = { .round_trip_ns = 100 * NS_PER_MS,
		.bytes_per_s = 10000000 };

	assert_int_equal(link_room(&l), 2 * 1000000 + KIB(256));
	l.flying_bytes = 2000000;
	assert_int_equal(link_room(&l), KIB(256));
	l.flying_bytes = 20000000;
	assert_int_equal(link_room(&l), 0);
	(void)state;
}

static void
credit_is_what_the_wait_could_have_carried(void **state)
{
	struct link l = { .round_trip_ns = 100 * NS_PER_MS,
		.bytes_per_s = 10000000 };

	link_add_credit(&l);
	assert_int_equal(l.credit_bytes, 1000000);
	for (int i = 0; i < 10; i++)
		link_add_credit(&l);
	assert_int_equal(l.credit_bytes, 2 * 1000000);
	link_spend_credit(&l, 1500000);
	assert_int_equal(l.credit_bytes, 500000);
	link_spend_credit(&l, 1500000);
	assert_int_equal(l.credit_bytes, 0);
	(void)state;
}

static void
no_way_is_so_fast_that_guesses_eat_the_cores(void **state)
{
	struct link l = { .round_trip_ns = 10 * NS_PER_MS,
		.bytes_per_s = GIB(1) };

	link_add_credit(&l);
	assert_true(is_about(l.credit_bytes, MIB(16) / 100));
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_has_one_link_whatever_the_repository),
		cmocka_unit_test(names_of_any_length_find_a_link),
		cmocka_unit_test(
		    what_a_host_refused_is_tried_again_after_ten_minutes),
		cmocka_unit_test(more_hosts_than_places_take_the_oldest_ones),
		cmocka_unit_test(the_round_trip_is_the_shortest_of_late),
		cmocka_unit_test(requests_side_by_side_add_up_to_the_rate),
		cmocka_unit_test(one_large_request_shows_the_rate_by_itself),
		cmocka_unit_test(a_link_that_got_slower_is_found_out),
		cmocka_unit_test(what_failed_teaches_nothing),
		cmocka_unit_test(a_bubble_has_limits),
		cmocka_unit_test(what_flies_leaves_less_room),
		cmocka_unit_test(credit_is_what_the_wait_could_have_carried),
		cmocka_unit_test(no_way_is_so_fast_that_guesses_eat_the_cores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
