#include "base/awake.h"
#include "base/test.h"

static void
who_looks_in_time_sees_all_of_it(void **state)
{
	struct awake a = { 0 };
	uint64_t begun = awake_look(&a, 1000 * NS_PER_S), lost = a.lost_ns;

	(void)state;
	for (unsigned i = 1; i <= 40; i++)
		awake_look(&a, 1000 * NS_PER_S + i * AWAKE_TICK_NS);
	assert_int_equal(a.at_ns, begun + 10 * NS_PER_S);
	assert_int_equal(a.lost_ns, lost);
}

static void
a_standstill_is_a_moment(void **state)
{
	struct awake a = { 0 };
	uint64_t begun = awake_look(&a, 1000 * NS_PER_S), lost = a.lost_ns;

	(void)state;
	assert_int_equal(
	    awake_look(&a, 1060 * NS_PER_S), begun + AWAKE_MOST_NS);
	assert_int_equal(a.lost_ns, lost + 60 * NS_PER_S - AWAKE_MOST_NS);
	assert_int_equal(
	    awake_look(&a, 1060 * NS_PER_S + 7), begun + AWAKE_MOST_NS + 7);
}

/* A busy machine is not one whose timeouts never end. */
static void
late_looks_bring_every_time_to_its_end(void **state)
{
	struct awake a = { 0 };
	uint64_t until = awake_look(&a, 1) + 20 * NS_PER_S;
	unsigned looks = 0;

	(void)state;
	for (uint64_t now = 1; a.at_ns < until; looks++)
		awake_look(&a, now += 3600 * NS_PER_S);
	assert_int_equal(looks, 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_looks_in_time_sees_all_of_it),
		cmocka_unit_test(a_standstill_is_a_moment),
		cmocka_unit_test(late_looks_bring_every_time_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
