#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/test.h"
#include "base/thread.h"

/* What a callback needs: which loop, and what happened, in order. */
struct scene {
	struct loop *loop;
	char seen[32];
	int n;
	int pipe[2];
	struct watch *watch;
	struct watch *other;
	struct timer *timer;
};

static int
open_scene(void **s)
{
	struct scene *x = calloc(1, sizeof *x);
	struct err e;

	x->loop = loop_new(&e);
	*s = x;
	return x->loop == NULL || pipe(x->pipe) < 0;
}

static int
close_scene(void **s)
{
	struct scene *x = *s;

	loop_free(x->loop);
	close(x->pipe[0]);
	close(x->pipe[1]);
	free(x);
	return 0;
}

static void
run(struct scene *x)
{
	struct err e = ERR_INIT;

	assert_int_equal(loop_run(x->loop, &e), 0);
}

static void
see(struct scene *x, char what)
{
	x->seen[x->n++] = what;
}

static void
on_stop(void *ctx)
{
	struct scene *x = ctx;

	see(x, 's');
	loop_stop(x->loop);
}

static void
on_a(void *ctx)
{
	see(ctx, 'a');
}

static void
on_b(void *ctx)
{
	see(ctx, 'b');
}

static void
timers_run_in_the_order_of_their_times(void **s)
{
	struct scene *x = *s;
	uint64_t now = clock_now_ns();
	struct err e;

	assert_non_null(loop_at(x->loop, now + 3 * NS_PER_MS, on_stop, x, &e));
	assert_non_null(loop_at(x->loop, now + 2 * NS_PER_MS, on_b, x, &e));
	assert_non_null(loop_at(x->loop, now + NS_PER_MS, on_a, x, &e));
	run(x);
	assert_string_equal(x->seen, "abs");
	assert_true(clock_now_ns() >= now + 3 * NS_PER_MS);
}

static void
a_cancelled_timer_never_runs(void **s)
{
	struct scene *x = *s;
	uint64_t now = clock_now_ns();
	struct timer *t[40];
	struct err e;

	for (int i = 0; i < 40; i++)
		t[i] = loop_at(x->loop, now + (i * 7 % 40) * 1000, on_a, x, &e);
	for (int i = 0; i < 40; i++)
		if (i % 10 != 0)
			timer_cancel(t[i]);
	assert_non_null(loop_at(x->loop, now + NS_PER_MS, on_stop, x, &e));
	run(x);
	assert_string_equal(x->seen, "aaaas");
}

static void
on_many(void *ctx)
{
	struct scene *x = ctx;
	uint64_t *last = (uint64_t *)x->seen;
	uint64_t now = clock_now_ns();

	assert_true(now >= *last);
	*last = now;
	if (++x->n == 1000)
		loop_stop(x->loop);
}

static void
a_thousand_timers_all_run(void **s)
{
	struct scene *x = *s;
	uint64_t now = clock_now_ns();
	struct err e;

	for (uint64_t i = 0; i < 1000; i++)
		assert_non_null(
		    loop_at(x->loop, now + i * 7919 % 1000, on_many, x, &e));
	run(x);
	assert_int_equal(x->n, 1000);
}

static void
on_readable(void *ctx, uint32_t ready)
{
	struct scene *x = ctx;
	char c;

	assert_true(ready & EPOLLIN);
	assert_int_equal(read(x->pipe[0], &c, 1), 1);
	see(x, c);
	if (c == '!')
		loop_stop(x->loop);
}

static void
a_watch_is_called_while_there_is_something_to_read(void **s)
{
	struct scene *x = *s;
	struct err e;

	x->watch = loop_watch(x->loop, x->pipe[0], EPOLLIN, on_readable, x, &e);
	assert_non_null(x->watch);
	assert_int_equal(write(x->pipe[1], "xy!", 3), 3);
	run(x);
	assert_string_equal(x->seen, "xy!");
	watch_remove(x->watch);
}

static void
on_writable(void *ctx, uint32_t ready)
{
	struct scene *x = ctx;

	assert_true(ready & EPOLLOUT);
	see(x, 'w');
	watch_set_events(x->watch, 0);
}

static void
events_can_be_changed(void **s)
{
	struct scene *x = *s;
	struct err e;

	x->watch =
	    loop_watch(x->loop, x->pipe[1], EPOLLOUT, on_writable, x, &e);
	assert_non_null(x->watch);
	assert_non_null(
	    loop_at(x->loop, clock_now_ns() + NS_PER_MS, on_stop, x, &e));
	run(x);
	assert_string_equal(x->seen, "ws");
}

static void
on_ready_remove_both(void *ctx, uint32_t ready)
{
	struct scene *x = ctx;

	(void)ready;
	see(x, 'r');
	watch_remove(x->watch);
	watch_remove(x->other);
	loop_stop(x->loop);
}

static void
a_callback_may_remove_a_watch_whose_event_is_pending(void **s)
{
	struct scene *x = *s;
	struct err e;
	int copy = dup(x->pipe[0]);

	assert_int_equal(write(x->pipe[1], "x", 1), 1);
	x->watch = loop_watch(
	    x->loop, x->pipe[0], EPOLLIN, on_ready_remove_both, x, &e);
	x->other =
	    loop_watch(x->loop, copy, EPOLLIN, on_ready_remove_both, x, &e);
	run(x);
	assert_string_equal(x->seen, "r");
	close(copy);
}

static void
a_descriptor_that_cannot_be_watched_is_an_error(void **s)
{
	struct scene *x = *s;
	struct err e = ERR_INIT;

	assert_null(loop_watch(x->loop, -1, EPOLLIN, on_readable, x, &e));
	assert_int_not_equal(e.code, 0);
}

struct call {
	struct deferred d;
	struct scene *scene;
	int left;
};

static void
on_call(struct deferred *d)
{
	struct call *c = container_of(d, struct call, d);

	see(c->scene, 'd');
	if (--c->left > 0)
		loop_defer(c->scene->loop, d);
	else
		loop_stop(c->scene->loop);
}

static void *
defer_from_thread(void *arg)
{
	struct call *c = arg;

	loop_defer(c->scene->loop, &c->d);
	return NULL;
}

static void
another_thread_defers_a_call(void **s)
{
	struct scene *x = *s;
	struct call c = { .d.run = on_call, .scene = x, .left = 3 };
	struct err e = ERR_INIT;
	pthread_t t;

	assert_int_equal(thread_start(&t, "t", defer_from_thread, &c, &e), 0);
	run(x);
	pthread_join(t, NULL);
	assert_string_equal(x->seen, "ddd");
}

static void *
stop_from_thread(void *arg)
{
	loop_stop(((struct scene *)arg)->loop);
	return NULL;
}

static void
another_thread_stops_the_loop(void **s)
{
	struct err e = ERR_INIT;
	pthread_t t;

	assert_int_equal(thread_start(&t, "t", stop_from_thread, *s, &e), 0);
	run(*s);
	pthread_join(t, NULL);
}

static void
what_is_left_is_dropped(void **s)
{
	struct scene *x = *s;
	struct call c = { .d.run = on_call, .scene = x, .left = 1 };
	struct err e;

	x->watch = loop_watch(x->loop, x->pipe[0], EPOLLIN, on_readable, x, &e);
	assert_non_null(loop_at(x->loop, 0, on_a, x, &e));
	loop_defer(x->loop, &c.d);
	loop_free(x->loop);
	x->loop = NULL;
	assert_int_equal(x->n, 0);
}

static void
what_was_deferred_may_be_freed_once_the_loop_is_closed(void **s)
{
	struct scene *x = *s;
	struct deferred before = { 0 }, freed, after = { 0 };

	loop_defer(x->loop, &before);
	loop_close(x->loop);
	memset(&before, 0x55, sizeof before);
	freed = before;
	loop_defer(x->loop, &after);
	assert_memory_equal(&before, &freed, sizeof before);
	assert_null(after.link.next);
}

#define SCENE(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(timers_run_in_the_order_of_their_times),
		SCENE(a_cancelled_timer_never_runs),
		SCENE(a_thousand_timers_all_run),
		SCENE(a_watch_is_called_while_there_is_something_to_read),
		SCENE(events_can_be_changed),
		SCENE(a_callback_may_remove_a_watch_whose_event_is_pending),
		SCENE(a_descriptor_that_cannot_be_watched_is_an_error),
		SCENE(another_thread_defers_a_call),
		SCENE(another_thread_stops_the_loop),
		SCENE(what_is_left_is_dropped),
		SCENE(what_was_deferred_may_be_freed_once_the_loop_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
