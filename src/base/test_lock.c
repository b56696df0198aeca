#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/test.h"
#include "base/thread.h"

/* Runs `body` in a process of its own; whether it aborted. */
static bool
aborts(void (*body)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		signal(SIGABRT, SIG_DFL);
		dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void
take_two(enum lock_rank first, enum lock_rank second)
{
	struct lock a, b;

	lock_init(&a, first);
	lock_init(&b, second);
	lock_acquire(&a);
	lock_acquire(&b);
	lock_release(&b);
	lock_release(&a);
	lock_destroy(&a);
	lock_destroy(&b);
}

static void
take_upwards(void)
{
	take_two(RANK_DAEMON, RANK_LEAF);
}

static void
take_downwards(void)
{
	take_two(RANK_POOL, RANK_DB);
}

static void
take_the_same_rank(void)
{
	take_two(RANK_DB, RANK_DB);
}

static void
locks_are_taken_in_the_order_of_ranks(void **s)
{
	(void)s;
	assert_false(aborts(take_upwards));
}

static void
the_wrong_order_aborts(void **s)
{
	(void)s;
	assert_true(aborts(take_downwards));
	assert_true(aborts(take_the_same_rank));
}

static void
a_scope_releases_what_it_locked(void **s)
{
	struct lock l;

	(void)s;
	lock_init(&l, RANK_DAEMON);
	for (int i = 0; i < 2; i++) {
		LOCK_SCOPE(&l);
	}
	lock_destroy(&l);
}

struct shared {
	struct lock lock;
	struct cond changed;
	int value;
};

static void *
count_up(void *arg)
{
	struct shared *x = arg;

	for (int i = 0; i < 1000; i++) {
		LOCK_SCOPE(&x->lock);
		x->value++;
		cond_signal(&x->changed);
	}
	return NULL;
}

static void
a_condition_wakes_who_waits(void **s)
{
	struct shared x = { .value = 0 };
	struct err e = ERR_INIT;
	pthread_t t[2];

	(void)s;
	lock_init(&x.lock, RANK_LEAF);
	cond_init(&x.changed);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    thread_start(&t[i], "count", count_up, &x, &e), 0);
	lock_acquire(&x.lock);
	while (x.value < 2000)
		cond_wait(&x.changed, &x.lock);
	lock_release(&x.lock);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	cond_destroy(&x.changed);
	lock_destroy(&x.lock);
}

static void
a_wait_ends_at_its_time(void **s)
{
	struct shared x;
	uint64_t until = clock_now_ns() + NS_PER_MS;

	(void)s;
	lock_init(&x.lock, RANK_LEAF);
	cond_init(&x.changed);
	lock_acquire(&x.lock);
	while (cond_wait_until(&x.changed, &x.lock, until))
		; /* woken without a reason */
	assert_true(clock_now_ns() >= until);
	lock_release(&x.lock);
	cond_destroy(&x.changed);
	lock_destroy(&x.lock);
}

static void
patience_ends_after_its_time(void **s)
{
	struct shared x;
	struct awake awake = { 0 };
	/* More than one look counts for, however late it comes. */
	uint64_t until = awake_now_ns(&awake) + AWAKE_MOST_NS + 1;
	unsigned waits = 0;

	(void)s;
	lock_init(&x.lock, RANK_LEAF);
	cond_init(&x.changed);
	lock_acquire(&x.lock);
	for (; cond_wait_awake(&x.changed, &x.lock, &awake, until); waits++)
		;
	assert_true(awake.at_ns >= until);
	assert_true(waits >= 2);
	lock_release(&x.lock);
	cond_destroy(&x.changed);
	lock_destroy(&x.lock);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(locks_are_taken_in_the_order_of_ranks),
		cmocka_unit_test(the_wrong_order_aborts),
		cmocka_unit_test(a_scope_releases_what_it_locked),
		cmocka_unit_test(a_condition_wakes_who_waits),
		cmocka_unit_test(a_wait_ends_at_its_time),
		cmocka_unit_test(patience_ends_after_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
