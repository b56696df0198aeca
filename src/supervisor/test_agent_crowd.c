/* Several requests at once: the test itself is the supervisor. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "supervisor/agent.h"
#include "supervisor/fake_supervisor.h"
#include "supervisor/message.h"
#include "base/err.h"
#include "base/test.h"

enum { N_ASKERS = 3 };

static struct agent *
start_by_hand(int *sock)
{
	struct peer p = { .leaves_open = true };
	struct agent *a = start(&p, NULL, 0);

	pthread_join(p.thread, NULL);
	*sock = p.sock;
	return a;
}

static void *
drop(void *arg)
{
	struct err e = ERR_INIT;

	return agent_drop(arg, "x", &e) == 0 ? NULL : (void *)(intptr_t)e.code;
}

static void
start_askers(struct agent *a, pthread_t *threads, int sock,
    struct message asked[N_ASKERS])
{
	int fds[MESSAGE_FDS_MAX];
	unsigned n;
	struct err e;

	for (int i = 0; i < N_ASKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, drop, a), 0);
	for (int i = 0; i < N_ASKERS; i++)
		assert_int_equal(
		    message_receive(sock, &asked[i], fds, &n, &e), 0);
}

static void
requests_are_open_at_once_and_answered_in_any_order(void **state)
{
	struct message asked[N_ASKERS];
	pthread_t threads[N_ASKERS];
	int n_failed = 0, sock;
	struct agent *a = start_by_hand(&sock);

	(void)state;
	start_askers(a, threads, sock, asked);
	for (int i = N_ASKERS; i-- > 0;)
		send_answer(sock,
		    &(struct answer){ .kind = MESSAGE_DROP,
			.code = i == 1 ? EBUSY : 0,
			.text = "that one" },
		    asked[i].ticket);
	for (int i = 0; i < N_ASKERS; i++) {
		void *code;
		pthread_join(threads[i], &code);
		n_failed += code == (void *)EBUSY;
		assert_true(code == NULL || code == (void *)EBUSY);
	}
	assert_int_equal(n_failed, 1);
	agent_free(a);
	close(sock);
}

static void *
remove_one(void *arg)
{
	struct err e;

	agent_remove_snapshot(arg, 7, &e);
	return NULL;
}

/* Eight deletions, of which none ends, and then a mount. */
static void
deletions_wait_for_each_other_and_hold_up_nothing_else(void **state)
{
	pthread_t removing[8], dropping;
	struct message m;
	int fds[MESSAGE_FDS_MAX], sock, n_removes = 0;
	struct agent *a = start_by_hand(&sock);
	void *code;
	unsigned n;
	struct err e;

	(void)state;
	for (int i = 0; i < 8; i++)
		pthread_create(&removing[i], NULL, remove_one, a);
	pthread_create(&dropping, NULL, drop, a);
	do {
		assert_int_equal(message_receive(sock, &m, fds, &n, &e), 0);
		n_removes += m.kind == MESSAGE_REMOVE;
	} while (m.kind != MESSAGE_DROP);
	send_answer(sock, &(struct answer){ .kind = MESSAGE_DROP }, m.ticket);
	pthread_join(dropping, &code);
	assert_null(code);
	assert_true(n_removes < 8);
	close(sock);
	for (int i = 0; i < 8; i++)
		pthread_join(removing[i], NULL);
	agent_free(a);
}

static void *
mount_overlay(void *arg)
{
	const char *lower = "1";
	struct agent_overlay_options o = {
		.lowers = &lower, .n_lowers = 1, .upper = -1, .work = -1
	};
	struct err e;

	agent_mount_overlay(arg, "2", &o, &e);
	return NULL;
}

static void *
unmount(void *arg)
{
	struct err e;

	agent_unmount(arg, "1", &e);
	return NULL;
}

/* N who ask for one, and have no answer, do not keep the other from asking. */
static void
assert_not_held_up(void *(*one)(void *), void *(*other)(void *), uint32_t kind)
{
	enum { N = 16 };
	pthread_t asking[N + 1];
	int fds[MESSAGE_FDS_MAX], sock;
	struct agent *a = start_by_hand(&sock);
	struct message m;
	unsigned n;
	struct err e;

	for (int i = 0; i < N; i++)
		pthread_create(&asking[i], NULL, one, a);
	usleep(20000);
	pthread_create(&asking[N], NULL, other, a);
	do
		assert_int_equal(message_receive(sock, &m, fds, &n, &e), 0);
	while (m.kind != kind);
	close(sock);
	for (int i = 0; i <= N; i++)
		pthread_join(asking[i], NULL);
	agent_free(a);
}

/* Overlays look at their lower layers, which "fuse" threads answer for. */
static void
overlays_hold_up_nothing_else(void **state)
{
	(void)state;
	assert_not_held_up(mount_overlay, unmount, MESSAGE_UNMOUNT);
}

/* A "fuse" thread has something to be held, and is waited for by every mount. */
static void
what_is_answered_at_once_waits_for_nothing_that_takes_a_process(void **state)
{
	(void)state;
	assert_not_held_up(unmount, drop, MESSAGE_DROP);
}

static void *
clone_one(void *arg)
{
	struct err e = ERR_INIT;
	int fd = -1;

	if (agent_clone_mount(arg, "1", &fd, &e) != 0)
		return (void *)(intptr_t)e.code;
	close(fd);
	return NULL;
}

/* With the descriptor that it wants. */
static void *
answer_clone(int sock, struct agent *a, bool is_full)
{
	int null = open("/dev/null", O_RDONLY), fds[MESSAGE_FDS_MAX];
	struct rlimit all, none;
	struct message m;
	pthread_t thread;
	void *code;
	unsigned n;
	struct err e;

	assert_int_equal(pthread_create(&thread, NULL, clone_one, a), 0);
	assert_int_equal(message_receive(sock, &m, fds, &n, &e), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = (struct rlimit){ null + 1, all.rlim_max };
	if (is_full)
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	message_answer(sock, &m, null, NULL);
	pthread_join(thread, &code);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	close(null);
	return code;
}

static void
a_descriptor_that_finds_no_room_fails_who_asked_and_nobody_else(void **state)
{
	struct agent *a;
	int sock;

	(void)state;
	a = start_by_hand(&sock);
	assert_ptr_equal(answer_clone(sock, a, true), (void *)EMFILE);
	assert_null(answer_clone(sock, a, false));
	agent_free(a);
	close(sock);
}

static void
an_answer_that_nobody_waits_for_fails_all_who_wait(void **state)
{
	struct message asked[N_ASKERS];
	pthread_t threads[N_ASKERS];
	struct agent *a;
	struct err e;
	int sock;

	(void)state;
	a = start_by_hand(&sock);
	start_askers(a, threads, sock, asked);
	send_answer(sock, &(struct answer){ .kind = MESSAGE_DROP }, 1000);
	for (int i = 0; i < N_ASKERS; i++) {
		void *code;
		pthread_join(threads[i], &code);
		assert_ptr_equal(code, (void *)EPROTO);
	}
	assert_int_equal(agent_drop(a, "x", &e), -1);
	assert_int_equal(e.code, EPROTO);
	agent_free(a);
	close(sock);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    requests_are_open_at_once_and_answered_in_any_order),
		cmocka_unit_test(
		    an_answer_that_nobody_waits_for_fails_all_who_wait),
		cmocka_unit_test(
		    a_descriptor_that_finds_no_room_fails_who_asked_and_nobody_else),
		cmocka_unit_test(
		    deletions_wait_for_each_other_and_hold_up_nothing_else),
		cmocka_unit_test(overlays_hold_up_nothing_else),
		cmocka_unit_test(
		    what_is_answered_at_once_waits_for_nothing_that_takes_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
