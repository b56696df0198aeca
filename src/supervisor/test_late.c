/* What is given up, when, and what becomes of it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/job.h"
#include "supervisor/late.h"
#include "supervisor/supervisor_private.h"
#include "base/err.h"
#include "base/test.h"

enum { LIFE = 3 };

struct fixture {
	struct supervisor s;
	int worker; /* its end */
};

static int
open_all(void **state)
{
	static struct fixture f;
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	f.worker = pair[1];
	f.s = (struct supervisor){
		.worker = { .sock = pair[0], .spare = -1, .life = LIFE }
	};
	list_init(&f.s.jobs);
	*state = &f;
	return 0;
}

static int
close_all(void **state)
{
	struct fixture *f = *state;

	while (!list_is_empty(&f->s.jobs)) {
		struct job *j =
		    list_entry(list_pop_front(&f->s.jobs), struct job, link);

		job_kill(j);
		waitpid(j->pid, NULL, 0);
		job_free(j);
	}
	close(f->s.worker.sock);
	close(f->worker);
	return 0;
}

/* Its child waits for ever. */
static struct job *
begin_with(struct fixture *f, struct message request, unsigned n_fds)
{
	struct job *j = calloc(1, sizeof *j);
	int pair[2];

	assert_non_null(j);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	j->spare[0] = j->spare[1] = -1;
	j->request = request;
	j->life = LIFE;
	j->sock = pair[0];
	j->pid = fork();
	if (j->pid == 0)
		for (;;)
			pause();
	close(pair[1]);
	list_push_back(&f->s.jobs, &j->link);
	late_note_start(&f->s, j, n_fds);
	return j;
}

static struct job *
begin(struct fixture *f, struct message request)
{
	return begin_with(f, request, 0);
}

static struct message
of(enum message_kind kind, bool is_trial)
{
	struct message m = { .version = MESSAGE_VERSION, .kind = kind };

	m.body.erofs.is_trial = is_trial;
	m.ticket = 7;
	return m;
}

static void
what_is_not_somebody_else_s_has_all_the_time(void **state)
{
	struct fixture *f = *state;
	struct message mount = of(MESSAGE_EROFS, false);
	struct err e;

	for (int i = 0; i < 8; i++) {
		assert_int_equal(late_check(&f->s.jobs, &mount, 0, &e), 0);
		begin(f, mount);
	}
	assert_int_equal(late_next_ns(&f->s.jobs), UINT64_MAX);
}

static void
one_that_is_late_is_answered_and_waited_for(void **state)
{
	static const enum message_kind kinds[] = { MESSAGE_LOGIN,
		MESSAGE_EROFS };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct job *j = begin(f, of(kinds[i], true));
		uint64_t at = late_next_ns(&f->s.jobs);
		int fds[MESSAGE_FDS_MAX], status;
		struct message m;
		struct err e;
		unsigned n;

		assert_in_range(at, 1, clock_now_ns() + AWAKE_TICK_NS);
		late_give_up(&f->s);
		assert_true(j->sock >= 0);
		j->late_at_ns = 1;
		late_give_up(&f->s);
		assert_int_equal(
		    message_receive(f->worker, &m, fds, &n, &e), 0);
		assert_int_equal(m.code, ETIMEDOUT);
		assert_int_equal(m.ticket, 7);
		assert_int_equal(j->sock, -1);
		assert_int_equal(waitpid(j->pid, &status, 0), j->pid);
		assert_true(WIFSIGNALED(status));
		j->pid = 0;
		late_give_up(&f->s);
		assert_int_equal(
		    recv(f->worker, &m, sizeof m, MSG_DONTWAIT), -1);
		assert_int_equal(late_next_ns(&f->s.jobs), UINT64_MAX);
		list_remove(&j->link);
		job_free(j);
	}
}

static void
a_standstill_makes_nobody_late(void **state)
{
	struct fixture *f = *state;
	struct job *j = begin(f, of(MESSAGE_LOGIN, false));

	j->awake.seen_ns -= 60 * NS_PER_S;
	late_give_up(&f->s);
	assert_true(j->sock >= 0);
	for (int i = 0; i < 10; i++) {
		j->awake.seen_ns -= NS_PER_S;
		late_give_up(&f->s);
	}
	assert_int_equal(j->sock, -1);
}

static void
another_worker_hears_nothing_of_it(void **state)
{
	struct fixture *f = *state;
	struct job *j = begin(f, of(MESSAGE_LOGIN, false));
	struct message m;

	f->s.worker.life++;
	j->late_at_ns = 1;
	late_give_up(&f->s);
	assert_int_equal(recv(f->worker, &m, sizeof m, MSG_DONTWAIT), -1);
}

static void
those_that_did_not_end_are_few(void **state)
{
	struct fixture *f = *state;
	struct message login = of(MESSAGE_LOGIN, false);
	struct message trial = of(MESSAGE_EROFS, true);
	struct err e;

	for (int i = 0; i < 4; i++) {
		assert_int_equal(late_check(&f->s.jobs, &login, 0, &e), 0);
		begin(f, login)->late_at_ns = 1;
		late_give_up(&f->s);
	}
	assert_fails(late_check(&f->s.jobs, &login, 0, &e), e, EAGAIN);
	assert_int_equal(late_check(&f->s.jobs, &trial, 0, &e), 0);
}

/* Many mounts at once are no sign of a dead disk. */
static void
those_that_are_under_way_hinder_nobody(void **state)
{
	struct fixture *f = *state;
	struct message overlay = of(MESSAGE_OVERLAY, false);
	struct err e;

	for (int i = 0; i < 8; i++) {
		assert_int_equal(late_check(&f->s.jobs, &overlay, 2, &e), 0);
		begin_with(f, overlay, 2);
	}
}

static void
a_folder_that_was_given_may_lie_where_nobody_answers(void **state)
{
	struct fixture *f = *state;
	struct message overlay = of(MESSAGE_OVERLAY, false);
	struct message attach = of(MESSAGE_ATTACH, false);
	struct err e;

	assert_int_equal(begin_with(f, overlay, 0)->late_at_ns, 0);
	assert_int_equal(begin_with(f, attach, 1)->late_at_ns, 0);
	attach.body.attach.is_elsewhere = 1;
	assert_true(begin_with(f, attach, 1)->late_at_ns > 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(late_check(&f->s.jobs, &overlay, 2, &e), 0);
		begin_with(f, overlay, 2)->late_at_ns = 1;
		late_give_up(&f->s);
	}
	assert_fails(late_check(&f->s.jobs, &overlay, 2, &e), e, EAGAIN);
	assert_int_equal(late_check(&f->s.jobs, &overlay, 0, &e), 0);
}

/* A start is not held up by each of them. */
static void
what_is_put_back_is_waited_for_together(void **state)
{
	struct fixture *f = *state;
	struct message attach = of(MESSAGE_ATTACH, false);
	struct message overlay = of(MESSAGE_OVERLAY, false);
	struct err e;

	attach.body.attach.is_elsewhere = 1;
	assert_int_equal(begin_with(f, attach, 1)->patience_s, 10);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(late_check(&f->s.jobs, &attach, 1, &e), 0);
		begin_with(f, attach, 1)->late_at_ns = 1;
		late_give_up(&f->s);
		assert_int_equal(begin_with(f, attach, 1)->patience_s, 1);
	}
	assert_fails(late_check(&f->s.jobs, &attach, 1, &e), e, EAGAIN);
	assert_int_equal(begin_with(f, overlay, 2)->patience_s, 10);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_somebody_else_s_has_all_the_time),
		TEST(one_that_is_late_is_answered_and_waited_for),
		TEST(a_standstill_makes_nobody_late),
		TEST(another_worker_hears_nothing_of_it),
		TEST(those_that_did_not_end_are_few),
		TEST(those_that_are_under_way_hinder_nobody),
		TEST(a_folder_that_was_given_may_lie_where_nobody_answers),
		TEST(what_is_put_back_is_waited_for_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
