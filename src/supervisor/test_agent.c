/* The agent against a supervisor that this test plays: a thread that answers
 * what it is told to, and keeps what it was asked. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/agent.h"
#include "supervisor/message.h"
#include "base/err.h"
#include "base/test.h"

struct answer {
	uint32_t kind, code, number;
	const char *name;
	const char *text; /* error or payload */
	bool has_fd;
};

struct peer {
	int sock;
	pthread_t thread;
	const struct answer *answers; /* after HELLO's */
	size_t n;
	bool leaves_open;
	struct message asked[8];
	unsigned asked_fds[8];
};

static void
send_answer(int sock, const struct answer *a, uint64_t ticket)
{
	struct message m = { .version = MESSAGE_VERSION,
		.ticket = ticket,
		.kind = a->kind,
		.code = a->code,
		.number = a->number };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct err e;

	if (a->name != NULL)
		snprintf(m.name, sizeof m.name, "%s", a->name);
	if (a->code != 0) {
		snprintf(m.body.error, sizeof m.body.error, "%s", a->text);
	} else if (a->text != NULL) {
		m.body.payload.len = strlen(a->text);
		memcpy(m.body.payload.bytes, a->text, strlen(a->text));
	}
	message_send(sock, &m, &null, a->has_fd, 0, &e);
	close(null);
}

static void *
play(void *arg)
{
	struct peer *p = arg;
	const struct answer hello = { .kind = MESSAGE_HELLO, .number = 1 };

	for (size_t i = 0; i <= p->n; i++) {
		int fds[MESSAGE_FDS_MAX];
		struct err e;
		if (message_receive(
			p->sock, &p->asked[i], fds, &p->asked_fds[i], &e) != 0)
			break;
		for (unsigned k = 0; k < p->asked_fds[i]; k++)
			close(fds[k]);
		send_answer(p->sock, i == 0 ? &hello : &p->answers[i - 1],
		    p->asked[i].ticket);
	}
	if (!p->leaves_open)
		close(p->sock);
	return NULL;
}

static struct agent *
start(struct peer *p, const struct answer *answers, size_t n)
{
	int pair[2];
	struct err e;

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	p->sock = pair[0];
	p->answers = answers;
	p->n = n;
	assert_int_equal(pthread_create(&p->thread, NULL, play, p), 0);
	struct agent *a = agent_new(pair[1], &e);
	assert_non_null(a);
	return a;
}

static void
end(struct peer *p, struct agent *a)
{
	agent_free(a);
	pthread_join(p->thread, NULL);
}

static void
hello_says_who_mounts(void **state)
{
	struct peer p = { 0 };
	struct agent *a = start(&p, NULL, 0);

	(void)state;
	assert_true(agent_is_root(a));
	assert_int_equal(p.asked[0].kind, MESSAGE_HELLO);
	end(&p, a);
}

static void
what_is_held_comes_with_name_payload_and_descriptor(void **state)
{
	const struct answer answers[] = {
		{ MESSAGE_NEXT, 0, 5, "control", NULL, true },
		{ MESSAGE_NEXT, 0, 9, "fuse:ab", "INIT", true },
		{ MESSAGE_NEXT, ENOENT, 0, NULL, "that was all", false },
	};
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 3);
	struct held h;

	(void)state;
	assert_true(agent_next_held(a, &h));
	assert_string_equal(h.name, "control");
	assert_int_equal(h.payload_len, 0);
	close(h.fd);
	assert_true(agent_next_held(a, &h));
	assert_string_equal(h.name, "fuse:ab");
	assert_memory_equal(h.payload, "INIT", 4);
	assert_int_equal(h.payload_len, 4);
	close(h.fd);
	assert_false(agent_next_held(a, &h));
	assert_int_equal(p.asked[2].number, 5);
	assert_int_equal(p.asked[3].number, 9);
	end(&p, a);
}

static void
a_held_descriptor_travels_with_its_payload(void **state)
{
	const struct answer answers[] = { { .kind = MESSAGE_HOLD } };
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 1);
	struct err e;

	(void)state;
	assert_int_equal(agent_hold(a, "fuse:1", 0, "abc", 3, &e), 0);
	end(&p, a);
	assert_int_equal(p.asked_fds[1], 1);
	assert_int_equal(p.asked[1].body.payload.len, 3);
	assert_memory_equal(p.asked[1].body.payload.bytes, "abc", 3);
}

static void
a_refusal_keeps_its_code_and_text(void **state)
{
	const struct answer answers[] = {
		{ MESSAGE_FUSE, EACCES, 0, NULL, "no fusermount3", false },
	};
	const struct agent_fuse_options o = { .source = "layerfs:x" };
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 1);
	struct err e;
	int fd;

	(void)state;
	assert_int_equal(agent_mount_fuse(a, "1", &o, &fd, &e), -1);
	assert_int_equal(e.code, EACCES);
	assert_string_equal(e.msg, "no fusermount3");
	end(&p, a);
}

static void
an_answer_to_something_else_is_refused(void **state)
{
	const struct answer answers[] = { { .kind = MESSAGE_DROP,
	    .has_fd = true } };
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 1);
	struct err e;
	int fd;

	(void)state;
	assert_int_equal(agent_clone_mount(a, "1", &fd, &e), -1);
	assert_int_equal(e.code, EPROTO);
	end(&p, a);
}

static void
a_missing_descriptor_is_refused(void **state)
{
	const struct answer answers[] = { { .kind = MESSAGE_CLONE } };
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 1);
	struct err e;
	int fd;

	(void)state;
	assert_int_equal(agent_clone_mount(a, "1", &fd, &e), -1);
	assert_int_equal(e.code, EPROTO);
	end(&p, a);
}

static void
a_supervisor_that_is_gone_is_an_error_and_seen_on_the_descriptor(void **state)
{
	struct peer p = { 0 };
	struct agent *a = start(&p, NULL, 0);
	struct err e;
	char byte;

	(void)state;
	pthread_join(p.thread, NULL);
	assert_int_equal(agent_drop(a, "x", &e), -1);
	assert_int_equal(recv(agent_fd(a), &byte, 1, MSG_DONTWAIT), 0);
	agent_free(a);
}

static void
an_overlay_names_its_lowers_and_carries_its_upper(void **state)
{
	const struct answer answers[] = { { .kind = MESSAGE_OVERLAY },
		{ .kind = MESSAGE_OVERLAY } };
	const char *const lowers[] = { "a1", "b2" };
	struct agent_overlay_options o = { lowers, 2, 0, 1 };
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 2);
	struct err e;

	(void)state;
	assert_int_equal(agent_mount_overlay(a, "c3", &o, &e), 0);
	o.upper = o.work = -1;
	assert_int_equal(agent_mount_overlay(a, "c4", &o, &e), 0);
	o.n_lowers = 0;
	assert_int_equal(agent_mount_overlay(a, "c5", &o, &e), -1);
	assert_int_equal(e.code, EINVAL);
	end(&p, a);
	assert_int_equal(p.asked_fds[1], 2);
	assert_int_equal(p.asked_fds[2], 0);
	assert_int_equal(p.asked[1].number, 2);
	assert_string_equal(p.asked[1].body.lowers[1], "b2");
}

static void
an_index_is_mounted_or_tried_and_says_what_holds_its_end_up(void **state)
{
	const struct answer answers[] = { { .kind = MESSAGE_EROFS },
		{ .kind = MESSAGE_EROFS },
		{ .kind = MESSAGE_UNMOUNT, .number = 1 },
		{ .kind = MESSAGE_UNMOUNT } };
	struct agent_erofs_options o = {
		.source = "layerfs:a", .data = "d", .index = 0
	};
	struct peer p = { 0 };
	struct agent *a = start(&p, answers, 4);
	bool is_held_up;
	struct err e;

	(void)state;
	assert_int_equal(agent_mount_erofs(a, "c3", &o, &e), 0);
	assert_int_equal(agent_try_erofs(a, "e", &o, &e), 0);
	assert_int_equal(agent_unmount_erofs(a, "c3", &is_held_up, &e), 0);
	assert_true(is_held_up);
	assert_int_equal(agent_unmount_erofs(a, "c3", &is_held_up, &e), 0);
	assert_false(is_held_up);
	o.source = "a,suid";
	assert_int_equal(agent_mount_erofs(a, "c4", &o, &e), -1);
	assert_int_equal(e.code, EINVAL);
	end(&p, a);
	assert_int_equal(p.asked_fds[1], 1);
	assert_int_equal(p.asked[1].body.erofs.is_trial, 0);
	assert_int_equal(p.asked[2].body.erofs.is_trial, 1);
	assert_string_equal(p.asked[1].body.erofs.data, "d");
}

static void
a_bad_source_or_target_never_leaves_the_worker(void **state)
{
	struct agent_fuse_options o = { .source = "a,suid" };
	struct peer p = { 0 };
	struct agent *a = start(&p, NULL, 0);
	struct err e;
	int fd;

	(void)state;
	assert_int_equal(agent_mount_fuse(a, "1", &o, &fd, &e), -1);
	assert_int_equal(e.code, EINVAL);
	o.source = "a";
	o.target = "relative";
	assert_int_equal(agent_mount_fuse(a, "1", &o, &fd, &e), -1);
	assert_int_equal(e.code, EINVAL);
	end(&p, a);
}

/* ---- several at once: the test itself is the supervisor ---- */

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

static void
a_snapshot_is_asked_for_by_number_and_measured(void **state)
{
	const struct agent_snapshot_options o = {
		.uid = 1000, .gid = 2000, .with_work = true
	};
	struct agent *a;
	struct peer p = { 0 };
	uint64_t bytes, inodes;
	struct err e;
	const struct answer answers[] = { { .kind = MESSAGE_MAKE },
		{ .kind = MESSAGE_MEASURE } };

	(void)state;
	a = start(&p, answers, 2);
	assert_int_equal(agent_make_snapshot(a, 1ull << 40, &o, &e), 0);
	assert_int_equal(agent_measure_snapshot(a, 5, &bytes, &inodes, &e), 0);
	end(&p, a);
	assert_int_equal(p.asked[1].body.snapshot.number, 1ull << 40);
	assert_int_equal(p.asked[1].body.snapshot.gid, 2000);
	assert_int_equal(p.asked[1].body.snapshot.with_work, 1);
	assert_int_equal(p.asked[2].body.snapshot.number, 5);
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
		cmocka_unit_test(hello_says_who_mounts),
		cmocka_unit_test(
		    what_is_held_comes_with_name_payload_and_descriptor),
		cmocka_unit_test(a_held_descriptor_travels_with_its_payload),
		cmocka_unit_test(a_refusal_keeps_its_code_and_text),
		cmocka_unit_test(an_answer_to_something_else_is_refused),
		cmocka_unit_test(a_missing_descriptor_is_refused),
		cmocka_unit_test(
		    a_supervisor_that_is_gone_is_an_error_and_seen_on_the_descriptor),
		cmocka_unit_test(
		    an_overlay_names_its_lowers_and_carries_its_upper),
		cmocka_unit_test(
		    an_index_is_mounted_or_tried_and_says_what_holds_its_end_up),
		cmocka_unit_test(
		    a_bad_source_or_target_never_leaves_the_worker),
		cmocka_unit_test(
		    requests_are_open_at_once_and_answered_in_any_order),
		cmocka_unit_test(
		    an_answer_that_nobody_waits_for_fails_all_who_wait),
		cmocka_unit_test(
		    deletions_wait_for_each_other_and_hold_up_nothing_else),
		cmocka_unit_test(
		    a_snapshot_is_asked_for_by_number_and_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
