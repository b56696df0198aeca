/* Which descriptors of the worker's come into the supervisor. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/message.h"
#include "supervisor/received.h"
#include "base/err.h"
#include "base/test.h"
#include "base/test_folder.h"

enum { US, THEM };

struct fixture {
	struct folder *folder;
	int pair[2];
	dev_t store;
};

static int
open_all(void **state)
{
	static struct fixture f;
	struct stat st;

	assert_int_equal(make_folder((void **)&f.folder), 0);
	assert_int_equal(fstat(f.folder->fd, &st), 0);
	f.store = st.st_dev;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f.pair), 0);
	*state = &f;
	return 0;
}

static int
close_all(void **state)
{
	struct fixture *f = *state;

	close(f->pair[US]);
	close(f->pair[THEM]);
	return remove_folder((void **)&f->folder);
}

static void
send_with(const struct fixture *f, const int *fds, unsigned n)
{
	struct message m = {
		.version = MESSAGE_VERSION, .kind = MESSAGE_HOLD, .ticket = 7
	};
	struct err e;

	assert_int_equal(message_send(f->pair[THEM], &m, fds, n, 0, &e), 0);
}

/* The errno, or 0. */
static int
receive(const struct fixture *f, unsigned *n)
{
	struct message m = { 0 };
	struct err e = ERR_INIT;
	int fds[MESSAGE_FDS_MAX];
	int rc = received_message(f->pair[US], f->store, &m, fds, n, &e);

	for (unsigned i = 0; i < *n; i++)
		close(fds[i]);
	assert_int_equal(m.ticket, 7);
	return rc == 0 ? 0 : e.code;
}

/* Takes it. */
static int
send_one(const struct fixture *f, int fd)
{
	unsigned n;
	int code;

	assert_true(fd >= 0);
	send_with(f, &fd, 1);
	close(fd);
	code = receive(f, &n);
	assert_int_equal(n, code == 0 ? 1 : 0);
	return code;
}

static int
lowest_free(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static void
a_message_alone_is_received(void **state)
{
	const struct fixture *f = *state;
	unsigned n = 1;

	send_with(f, NULL, 0);
	assert_int_equal(receive(f, &n), 0);
	assert_int_equal(n, 0);
}

static void
what_a_worker_has_to_give_is_let_in(void **state)
{
	const struct fixture *f = *state;
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	assert_int_equal(send_one(f, socket(AF_UNIX, SOCK_STREAM, 0)), 0);
	assert_int_equal(send_one(f, memfd_create("requests", 0)), 0);
	assert_int_equal(send_one(f, dup(f->folder->fd)), 0);
	assert_int_equal(
	    send_one(f, openat(f->folder->fd, "index", O_RDWR | O_CREAT, 0600)),
	    0);
	if (fuse >= 0)
		assert_int_equal(send_one(f, fuse), 0);
}

static void
two_of_them_are_let_in_together(void **state)
{
	const struct fixture *f = *state;
	const int two[2] = { f->folder->fd, f->folder->fd };
	unsigned n;

	send_with(f, two, 2);
	assert_int_equal(receive(f, &n), 0);
	assert_int_equal(n, 2);
}

static void
what_may_wait_when_it_is_closed_stays_outside(void **state)
{
	const struct fixture *f = *state;
	int free_one = lowest_free(), ends[2];

	assert_int_equal(send_one(f, socket(AF_INET, SOCK_STREAM, 0)), EPERM);
	assert_int_equal(
	    send_one(f, open("/proc/self/status", O_RDONLY)), EPERM);
	assert_int_equal(send_one(f, open("/dev/null", O_RDONLY)), EPERM);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(send_one(f, ends[0]), EPERM);
	close(ends[1]);
	assert_int_equal(lowest_free(), free_one);
}

static void
one_stranger_keeps_its_companion_outside(void **state)
{
	const struct fixture *f = *state;
	const int two[2] = { f->folder->fd, open("/dev/null", O_RDONLY) };
	unsigned n;

	send_with(f, two, 2);
	close(two[1]);
	assert_int_equal(receive(f, &n), EPERM);
	assert_int_equal(n, 0);
}

static void
what_comes_next_is_not_thrown_away_with_it(void **state)
{
	const struct fixture *f = *state;
	int null = open("/dev/null", O_RDONLY);
	unsigned n;

	send_with(f, &null, 1);
	send_with(f, &f->folder->fd, 1);
	close(null);
	assert_int_equal(receive(f, &n), EPERM);
	assert_int_equal(receive(f, &n), 0);
	assert_int_equal(n, 1);
}

static void
what_was_sent_and_not_read_is_let_go_of(void **state)
{
	const struct fixture *f = *state;
	struct message m = { .version = MESSAGE_VERSION };
	int ends[2];
	char byte;
	struct err e;

	assert_int_equal(pipe(ends), 0);
	send_with(f, &ends[1], 1);
	close(ends[1]);
	received_drain(f->pair[US]);
	assert_int_equal(read(ends[0], &byte, 1), 0); /* it was the last */
	close(ends[0]);
	assert_fails(message_send(f->pair[THEM], &m, NULL, 0, 0, &e), e, EPIPE);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
	const struct CMUnitTest tests[] = {
		TEST(a_message_alone_is_received),
		TEST(what_a_worker_has_to_give_is_let_in),
		TEST(two_of_them_are_let_in_together),
		TEST(what_may_wait_when_it_is_closed_stays_outside),
		TEST(one_stranger_keeps_its_companion_outside),
		TEST(what_comes_next_is_not_thrown_away_with_it),
		TEST(what_was_sent_and_not_read_is_let_go_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
