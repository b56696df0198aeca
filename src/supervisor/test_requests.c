/* What a worker that was taken over may ask for in vain. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/hold.h"
#include "supervisor/message.h"
#include "supervisor/supervisor_private.h"
#include "base/err.h"
#include "base/test.h"
#include "base/test_folder.h"

struct fixture {
	struct folder *folder;
	struct supervisor s;
	int worker; /* its end */
};

static int
open_all(void **state)
{
	static struct fixture f;
	struct err e;
	int pair[2];

	assert_int_equal(make_folder((void **)&f.folder), 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	f.worker = pair[1];
	f.s = (struct supervisor){ .root = ROOTDIR_NONE,
		.run = RUNDIR_NONE,
		.worker = { .sock = pair[0], .spare = -1, .life = 1 } };
	f.s.root.secrets =
	    openat(f.folder->fd, "secrets", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	list_init(&f.s.jobs);
	list_init(&f.s.lost);
	keep_init(&f.s.keep);
	assert_int_equal(keep_open(&f.s.keep, f.folder->fd, &e), 0);
	*state = &f;
	return 0;
}

static int
close_all(void **state)
{
	struct fixture *f = *state;

	keep_close(&f->s.keep);
	worker_hang_up(&f->s.worker);
	close(f->s.root.secrets);
	close(f->worker);
	return remove_folder((void **)&f->folder);
}

/* The code of the answer. */
static uint32_t
ask_with(struct fixture *f, enum message_kind kind, const char *name, int fd)
{
	struct message m = { .version = MESSAGE_VERSION, .kind = kind };
	int fds[MESSAGE_FDS_MAX];
	struct err e;
	unsigned n;

	strcpy(m.name, name);
	assert_int_equal(message_send(f->worker, &m, &fd, fd >= 0, 0, &e), 0);
	supervisor_on_request(&f->s);
	assert_int_equal(message_receive(f->worker, &m, fds, &n, &e), 0);
	assert_int_equal(m.kind, kind);
	return m.code;
}

static void
a_worker_drops_what_a_worker_has_given_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct err e;

	assert_int_equal(
	    hold_put_copy(&f->s.keep.holds, "root", f->s.root.secrets, &e), 0);
	assert_int_equal(
	    ask_with(f, MESSAGE_HOLD, "rpc:1", f->s.root.secrets), 0);
	assert_int_equal(ask_with(f, MESSAGE_DROP, "root", -1), EINVAL);
	assert_non_null(hold_find(&f->s.keep.holds, "root"));
	assert_int_equal(ask_with(f, MESSAGE_DROP, "rpc:1", -1), 0);
	assert_null(hold_find(&f->s.keep.holds, "rpc:1"));
	assert_int_equal(ask_with(f, MESSAGE_DROP, "rpc:1", -1), 0);
}

static void
what_nobody_takes_is_refused_and_the_worker_goes_on(void **state)
{
	struct fixture *f = *state;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(ask_with(f, MESSAGE_HOLD, "rpc:1", null), EPERM);
	assert_null(hold_find(&f->s.keep.holds, "rpc:1"));
	assert_int_equal(
	    ask_with(f, MESSAGE_HOLD, "rpc:1", f->s.root.secrets), 0);
	close(null);
}

/* The next worker would have it unmounted, and be ended for that, again and again. */
static void
a_mount_is_held_by_its_id_or_not_at_all(void **state)
{
	static const char *const none[] = { "fuse:xyz", "erofs:xyz",
		"fuse:0123456789abcdef0123456789abcdef0" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_int_equal(
		    ask_with(f, MESSAGE_HOLD, none[i], f->s.root.secrets),
		    EINVAL);
	assert_int_equal(
	    ask_with(f, MESSAGE_HOLD, "fuse:0f", f->s.root.secrets), 0);
}

/* Whoever does nothing else has nothing else in mind. */
static void
a_worker_that_sends_it_again_and_again_is_ended(void **state)
{
	struct fixture *f = *state;
	struct message m = { .version = MESSAGE_VERSION,
		.kind = MESSAGE_HOLD,
		.name = "rpc:1" };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), status;
	pid_t pid = fork();
	struct err e;

	if (pid == 0)
		for (;;)
			pause();
	f->s.worker.pid = pid;
	for (int i = 0; i < 1000 && f->s.worker.sock >= 0; i++) {
		assert_int_equal(
		    message_send(f->worker, &m, &null, 1, MSG_DONTWAIT, &e), 0);
		supervisor_on_request(&f->s);
		recv(f->worker, &m, sizeof m, MSG_DONTWAIT);
		m = (struct message){ .version = MESSAGE_VERSION,
			.kind = MESSAGE_HOLD,
			.name = "rpc:1" };
	}
	assert_int_equal(f->s.worker.sock, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(null);
}

static void
who_was_just_accepted_is_greeted_when_it_is_held(void **state)
{
	static const uint8_t settings[9] = { [3] = 4 };
	struct fixture *f = *state;
	uint8_t said[32];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(ask_with(f, MESSAGE_GREET, "rpc:1", pair[0]), 0);
	assert_int_equal(
	    recv(pair[1], said, sizeof said, MSG_DONTWAIT), sizeof settings);
	assert_memory_equal(said, settings, sizeof settings);
	assert_int_equal(
	    hold_find(&f->s.keep.holds, "rpc:1")->h.payload_len, 0);
	close(pair[1]);
	assert_int_equal(ask_with(f, MESSAGE_GREET, "rpc:2", pair[0]), EPIPE);
	assert_null(hold_find(&f->s.keep.holds, "rpc:2"));
	close(pair[0]);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
	const struct CMUnitTest tests[] = {
		TEST(a_worker_drops_what_a_worker_has_given_and_nothing_else),
		TEST(what_nobody_takes_is_refused_and_the_worker_goes_on),
		TEST(a_mount_is_held_by_its_id_or_not_at_all),
		TEST(who_was_just_accepted_is_greeted_when_it_is_held),
		TEST(a_worker_that_sends_it_again_and_again_is_ended),
	};

	unsetenv("NOTIFY_SOCKET");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
