#include <string.h>

#include "registry/origins.h"
#include "base/clock.h"
#include "base/test.h"

static const struct origin host = { .host = "a.example", .port = 443 };

static void
a_host_is_down_after_two_failures_in_a_row(void **state)
{
	struct origins o = { .map = HMAP_INIT };

	(void)state;
	origins_note_failure(&o, &host);
	assert_false(origins_is_down(&o, &host));
	origins_set_up(&o, &host);
	origins_note_failure(&o, &host);
	assert_false(origins_is_down(&o, &host));
	origins_note_failure(&o, &host);
	assert_true(origins_is_down(&o, &host));
	origins_set_up(&o, &host);
	assert_false(origins_is_down(&o, &host));
	origins_release(&o);
}

static void
nearly_all_waits_are_no_longer_than_the_tail(void **state)
{
	struct origins o = { .map = HMAP_INIT };

	(void)state;
	assert_int_equal(origins_tail_ns(&o, &host), NS_PER_S);
	for (unsigned i = 1; i <= 15; i++)
		origins_note_wait(&o, &host, i * 10 * NS_PER_MS);
	assert_int_equal(origins_tail_ns(&o, &host), NS_PER_S);
	/* 64 waits of 10 to 640 ms: two of them are longer. */
	for (unsigned i = 16; i <= 64; i++)
		origins_note_wait(&o, &host, i * 10 * NS_PER_MS);
	assert_int_equal(origins_tail_ns(&o, &host), 620 * NS_PER_MS);
	/* They are forgotten; and a tail is no shorter than noise. */
	for (unsigned i = 0; i < 64; i++)
		origins_note_wait(&o, &host, NS_PER_MS);
	assert_int_equal(origins_tail_ns(&o, &host), 20 * NS_PER_MS);
	origins_release(&o);
}

static void
a_limit_is_the_hosts_own(void **state)
{
	const struct origin other = { .host = "b.example", .port = 443 };
	struct origins o = { .map = HMAP_INIT };
	uint64_t until = clock_now_ns() + NS_PER_S;

	(void)state;
	origins_set_limited(&o, &host, until);
	assert_int_equal(origins_limited_until(&o, &host), until);
	assert_int_equal(origins_limited_until(&o, &other), 0);
	origins_release(&o);
}

static void
a_host_may_send_ranges_but_one_at_a_time(void **state)
{
	const struct origin other = { .host = "a.example", .port = 444 };
	struct origins o = { .map = HMAP_INIT };

	(void)state;
	assert_false(origins_is_partless(&o, &host));
	origins_set_partless(&o, &host);
	assert_true(origins_is_partless(&o, &host));
	assert_false(origins_is_rangeless(&o, &host));
	assert_false(origins_is_partless(&o, &other));
	origins_release(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_is_down_after_two_failures_in_a_row),
		cmocka_unit_test(nearly_all_waits_are_no_longer_than_the_tail),
		cmocka_unit_test(a_limit_is_the_hosts_own),
		cmocka_unit_test(a_host_may_send_ranges_but_one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
