#include "fetch/plan.h"
#include "base/limits.h"
#include "base/test.h"

/* A row of chunks; sizes in KiB, `gap` before the chunk. */
struct row {
	unsigned gap, len, object;
	enum plan_state state;
};

struct rows {
	const struct row *row;
	uint32_t n;
};

static void
look(void *ctx, uint32_t rank, struct plan_chunk *out)
{
	const struct rows *r = ctx;
	uint64_t at = 0;

	for (uint32_t i = 0; i <= rank; i++)
		at += KIB(r->row[i].gap) + (i < rank ? KIB(r->row[i].len) : 0);
	*out = (struct plan_chunk){
		.blob_off = at,
		.object_size = KIB(r->row[rank].object),
		.object = rank,
		.blob_len = KIB(r->row[rank].len),
		.state = r->row[rank].state,
	};
}

#define VIEW(rows)                                                  \
	{                                                           \
		sizeof(rows) / sizeof *(rows), look, &(struct rows) \
		{                                                   \
			rows, sizeof(rows) / sizeof *(rows)         \
		}                                                   \
	}

static void
expect_run(
    const struct plan_view *v, uint32_t seed, uint32_t first, uint32_t last)
{
	struct plan_span s = plan_run(v, seed, MIB(4));

	assert_int_equal(s.first, first);
	assert_int_equal(s.last, last);
}

static void
neighbours_that_are_queued_become_one_request(void **state)
{
	static const struct row rows[] = {
		{ 0, 8, 8, PLAN_THERE },
		{ 0, 8, 8, PLAN_URGENT },
		{ 0, 8, 8, PLAN_QUEUED },
		{ 0, 8, 8, PLAN_QUEUED },
		{ 0, 8, 8, PLAN_THERE },
	};
	struct plan_view v = VIEW(rows);

	expect_run(&v, 1, 1, 3);
	(void)state;
}

static void
a_small_gap_is_read_over_and_a_large_one_ends_the_request(void **state)
{
	static const struct row rows[] = {
		{ 0, 8, 8, PLAN_URGENT },
		{ 64, 8, 8, PLAN_QUEUED },
		{ 65, 8, 8, PLAN_QUEUED },
	};
	struct plan_view v = VIEW(rows);

	expect_run(&v, 0, 0, 1);
	expect_run(&v, 2, 2, 2);
	(void)state;
}

static void
what_is_there_counts_as_gap(void **state)
{
	static const struct row rows[] = {
		{ 0, 8, 8, PLAN_URGENT },
		{ 0, 60, 60, PLAN_THERE },
		{ 0, 8, 8, PLAN_QUEUED },
		{ 0, 70, 70, PLAN_THERE },
		{ 0, 8, 8, PLAN_QUEUED },
	};
	struct plan_view v = VIEW(rows);

	expect_run(&v, 0, 0, 2);
	(void)state;
}

static void
a_request_ends_before_4_mib(void **state)
{
	static const struct row rows[] = {
		{ 0, 2048, 9000, PLAN_URGENT },
		{ 0, 2048, 9000, PLAN_QUEUED },
		{ 0, 1, 9000, PLAN_QUEUED },
	};
	struct plan_view v = VIEW(rows);

	expect_run(&v, 0, 0, 1);
	(void)state;
}

static void
a_chunk_larger_than_a_request_goes_alone(void **state)
{
	static const struct row rows[] = {
		{ 0, 8, 8, PLAN_URGENT },
		{ 0, 8192, 9000, PLAN_URGENT },
		{ 0, 8, 8, PLAN_URGENT },
	};
	struct plan_view v = VIEW(rows);

	expect_run(&v, 1, 1, 1);
	(void)state;
}

static void
a_reader_does_not_wait_for_what_lies_before_and_is_less_urgent(void **state)
{
	static const struct row rows[] = {
		{ 0, 8, 8, PLAN_QUEUED },
		{ 0, 8, 8, PLAN_URGENT },
		{ 0, 8, 8, PLAN_ABSENT },
		{ 0, 8, 8, PLAN_URGENT },
	};
	struct plan_view v = VIEW(rows);

	expect_run(&v, 3, 1, 3);
	expect_run(&v, 1, 1, 3);
	(void)state;
}

/* Chunks 1 to 3 share one compressed range. */
static void
look_shared(void *ctx, uint32_t rank, struct plan_chunk *out)
{
	look(ctx, rank, out);
	if (rank >= 1 && rank <= 3)
		out->blob_off = KIB(8);
	if (rank > 3)
		out->blob_off = KIB(16) + KIB(8) * (rank - 4);
}

static void
chunks_of_one_compressed_range_come_together(void **state)
{
	static const struct row rows[] = {
		{ 0, 8, 8, PLAN_ABSENT },
		{ 0, 8, 8, PLAN_ABSENT },
		{ 0, 8, 8, PLAN_URGENT },
		{ 0, 8, 8, PLAN_ABSENT },
		{ 0, 8, 8, PLAN_ABSENT },
	};
	struct plan_view v = VIEW(rows);

	v.look = look_shared;
	expect_run(&v, 2, 1, 3);
	(void)state;
}

static void
expect_window(
    const struct plan_view *v, uint32_t seed, uint32_t first, uint32_t last)
{
	struct plan_span s = plan_window(v, seed);

	assert_int_equal(s.first, first);
	assert_int_equal(s.last, last);
}

/* 64 KiB before it, 192 KiB behind its start. */
static void
the_first_miss_of_a_place_brings_256_kib(void **state)
{
	static const struct row rows[] = {
		{ 0, 1, 1, PLAN_ABSENT },
		{ 0, 64, 64, PLAN_ABSENT },
		{ 0, 100, 100, PLAN_ABSENT },
		{ 0, 92, 92, PLAN_ABSENT },
		{ 0, 1, 1, PLAN_ABSENT },
	};
	struct plan_view v = VIEW(rows);

	expect_window(&v, 2, 1, 3);
	expect_window(&v, 4, 4, 4);
	(void)state;
}

static void
a_place_that_was_wanted_before_gives_more(void **state)
{
	static const struct row rows[] = {
		{ 0, 200, 200, PLAN_THERE },
		{ 0, 200, 200, PLAN_THERE },
		{ 0, 200, 200, PLAN_ABSENT },
		{ 0, 200, 200, PLAN_ABSENT },
		{ 0, 200, 200, PLAN_ABSENT },
		{ 0, 200, 200, PLAN_ABSENT },
	};
	struct plan_view v = VIEW(rows);

	expect_window(&v, 2, 1, 4);
	(void)state;
}

static void
a_window_ends_at_2_mib(void **state)
{
	static const struct row rows[] = {
		{ 0, 1024, 1024, PLAN_THERE },
		{ 0, 500, 500, PLAN_ABSENT },
		{ 0, 1000, 1000, PLAN_THERE },
		{ 0, 36, 36, PLAN_ABSENT },
		{ 0, 1, 1, PLAN_ABSENT },
	};
	struct plan_view v = VIEW(rows);

	expect_window(&v, 1, 1, 3);
	(void)state;
}

static void
a_request_ends_where_its_caller_says(void **state)
{
	static const struct row rows[] = {
		{ 0, 100, 100, PLAN_URGENT },
		{ 0, 100, 100, PLAN_URGENT },
		{ 0, 100, 100, PLAN_URGENT },
	};
	struct plan_view v = VIEW(rows);
	struct plan_span s = plan_run(&v, 0, KIB(200));

	assert_int_equal(s.first, 0);
	assert_int_equal(s.last, 1);
	(void)state;
}

static void
the_readahead_window_doubles_up_to_4_mib(void **state)
{
	assert_int_equal(plan_readahead(0), 0);
	assert_int_equal(plan_readahead(KIB(64)), KIB(64));
	assert_int_equal(plan_readahead(MIB(100)), MIB(4));
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_that_are_queued_become_one_request),
		cmocka_unit_test(
		    a_small_gap_is_read_over_and_a_large_one_ends_the_request),
		cmocka_unit_test(what_is_there_counts_as_gap),
		cmocka_unit_test(a_request_ends_before_4_mib),
		cmocka_unit_test(a_chunk_larger_than_a_request_goes_alone),
		cmocka_unit_test(
		    a_reader_does_not_wait_for_what_lies_before_and_is_less_urgent),
		cmocka_unit_test(chunks_of_one_compressed_range_come_together),
		cmocka_unit_test(the_first_miss_of_a_place_brings_256_kib),
		cmocka_unit_test(a_place_that_was_wanted_before_gives_more),
		cmocka_unit_test(a_window_ends_at_2_mib),
		cmocka_unit_test(a_request_ends_where_its_caller_says),
		cmocka_unit_test(the_readahead_window_doubles_up_to_4_mib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
