/* Calls, from the client to their methods and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/scene.h"
#include "base/cleanup.h"
#include "base/clock.h"

static int
open_narrow(void **s)
{
	return open_scene_with(s, 1, true);
}

static int
open_without_pool(void **s)
{
	return open_scene_with(s, 0, true);
}

static void
a_call_is_answered_by_its_method(void **s)
{
	struct scene *x = *s;
	struct asked q;

	ask(x, &q, "/t/echo", "hello");
	assert_int_equal(status_of(&q), GRPC_OK);
	assert_int_equal(q.n, 5);
	assert_memory_equal(q.message, "hello", 5);
	ask(x, &q, "/t/echo", "");
	assert_int_equal(status_of(&q), GRPC_OK);
	assert_int_equal(q.n, 0);
	assert_int_equal(x->n_opened, 1);
}

static void
calls_in_flight_together_are_each_answered(void **s)
{
	enum { N = 1500 };
	struct scene *x = *s;
	AUTO_FREE struct asked *q = calloc(N, sizeof *q);
	char messages[N][12];

	for (int i = 0; i < N; i++) {
		snprintf(messages[i], sizeof messages[i], "%d", i);
		ask(x, &q[i], "/t/echo", messages[i]);
	}
	for (int i = 0; i < N; i++) {
		assert_int_equal(status_of(&q[i]), GRPC_OK);
		assert_int_equal(q[i].n, strlen(messages[i]));
		assert_memory_equal(q[i].message, messages[i], q[i].n);
	}
	assert_int_equal(x->n_opened, 1);
}

static void
any_other_path_goes_to_otherwise(void **s)
{
	struct scene *x = *s;
	struct asked q;

	ask(x, &q, "/t/other", "");
	assert_int_equal(status_of(&q), GRPC_ALREADY_EXISTS);
	assert_string_equal(q.text, "/t/other");
}

static void
a_call_may_be_ended_later_by_another_thread(void **s)
{
	struct scene *x = *s;
	struct asked q;

	ask(x, &q, "/t/park", "");
	AWAIT(x, x->parked != NULL);
	assert_false(grpc_call_is_cancelled(x->parked));
	grpc_call_finish(x->parked, GRPC_NOT_FOUND, "later");
	assert_int_equal(status_of(&q), GRPC_NOT_FOUND);
	assert_string_equal(q.text, "later");
	assert_int_equal(x->n_cancelled, 0);
}

static void
a_method_is_told_once_that_nobody_waits(void **s)
{
	struct scene *x = *s;
	struct asked q, again;

	ask(x, &q, "/t/park", "");
	AWAIT(x, x->parked != NULL);
	on_loop(x, cancel_asked, &q);
	assert_int_equal(status_of(&q), GRPC_CANCELLED);
	AWAIT(x, x->n_cancelled == 1);
	assert_true(grpc_call_is_cancelled(x->parked));
	assert_false(grpc_call_on_cancel(x->parked, on_cancel, x));
	grpc_call_reply(x->parked, "x", 1);
	ask(x, &again, "/t/echo", "");
	assert_int_equal(status_of(&again), GRPC_OK);
	assert_int_equal(x->n_cancelled, 1);
}

static void
a_deadline_ends_the_wait_and_tells_the_method(void **s)
{
	struct scene *x = *s;
	struct asked q = ASKED(x);

	q.call.path = "/t/park";
	q.call.deadline_ns = clock_now_ns() + 2 * NS_PER_S;
	grpc_client_send(x->client, &q.call);
	AWAIT(x, x->parked != NULL);
	assert_int_equal(status_of(&q), GRPC_DEADLINE_EXCEEDED);
	assert_true(clock_now_ns() >= q.call.deadline_ns);
	AWAIT(x, x->n_cancelled == 1);
	grpc_call_finish(x->parked, GRPC_OK, NULL);
}

static void
a_call_that_nobody_waits_for_is_not_begun(void **s)
{
	struct scene *x = *s;
	struct asked first, second, third;

	ask(x, &first, "/t/block", "");
	AWAIT(x, x->n_started == 1);
	ask(x, &second, "/t/echo", "");
	let_loop_turn(x);
	on_loop(x, cancel_asked, &second);
	ask(x, &third, "/t/echo", "");
	let_loop_turn(x);
	CHANGE(x, x->is_released = true);
	assert_int_equal(status_of(&first), GRPC_OK);
	assert_int_equal(status_of(&second), GRPC_CANCELLED);
	assert_int_equal(status_of(&third), GRPC_OK);
	assert_int_equal(x->n_started, 2);
}

static void
an_answer_past_the_limit_is_resource_exhausted(void **s)
{
	struct scene *x = *s;
	struct asked q;

	ask(x, &q, "/t/huge", "");
	assert_int_equal(status_of(&q), GRPC_RESOURCE_EXHAUSTED);
}

static void
without_a_pool_methods_run_on_the_loop(void **s)
{
	struct scene *x = *s;
	struct asked q;

	ask(x, &q, "/t/echo", "hello");
	assert_int_equal(status_of(&q), GRPC_OK);
	assert_memory_equal(q.message, "hello", 5);
}

static void
a_call_may_be_cancelled_before_it_was_sent(void **s)
{
	struct scene *x = *s;
	struct asked q = ASKED(x);

	q.call.path = "/t/echo";
	on_loop(x, cancel_asked, &q);
	grpc_client_send(x->client, &q.call);
	assert_int_equal(status_of(&q), GRPC_CANCELLED);
	assert_int_equal(x->n_started, 0);
	q.is_done = false;
	grpc_client_send(x->client, &q.call);
	assert_int_equal(status_of(&q), GRPC_OK);
}

#define IN(open, test) cmocka_unit_test_setup_teardown(test, open, close_scene)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN(open_scene, a_call_is_answered_by_its_method),
		IN(open_scene, calls_in_flight_together_are_each_answered),
		IN(open_scene, any_other_path_goes_to_otherwise),
		IN(open_scene, a_call_may_be_ended_later_by_another_thread),
		IN(open_scene, a_method_is_told_once_that_nobody_waits),
		IN(open_scene, a_deadline_ends_the_wait_and_tells_the_method),
		IN(open_narrow, a_call_that_nobody_waits_for_is_not_begun),
		IN(open_scene, an_answer_past_the_limit_is_resource_exhausted),
		IN(open_without_pool, without_a_pool_methods_run_on_the_loop),
		IN(open_scene, a_call_may_be_cancelled_before_it_was_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
