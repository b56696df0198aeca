/* An acceptor whose process has no descriptor left. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/acceptor.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/test.h"

struct scene {
	struct loop *loop;
	struct acceptor acceptor;
	char path[64];
	int listener;
	unsigned n_accepted, n_refused, n_wanted;
	int code; /* why it was refused */
};

static void
stop_when_all(struct scene *x)
{
	if (x->n_accepted + x->n_refused == x->n_wanted)
		loop_stop(x->loop);
}

static void
on_accept(void *ctx, int fd)
{
	struct scene *x = ctx;

	close(fd);
	x->n_accepted++;
	stop_when_all(x);
}

static void
on_refuse(void *ctx, int fd, const struct err *why)
{
	struct scene *x = ctx;

	assert_true(fd >= 0);
	x->code = why->code;
	x->n_refused++;
	stop_when_all(x);
}

static struct sockaddr_un
address_of(const struct scene *x)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof a.sun_path, "%s", x->path);
	return a;
}

static int
open_scene(void **s)
{
	struct scene *x = calloc(1, sizeof *x);
	struct sockaddr_un a;
	struct err e;

	x->loop = loop_new(&e);
	snprintf(x->path, sizeof x->path, "/tmp/test_acceptor.%d", getpid());
	a = address_of(x);
	x->listener =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	*s = x;
	return x->loop == NULL ||
	       bind(x->listener, (struct sockaddr *)&a, sizeof a) != 0 ||
	       listen(x->listener, 8) != 0;
}

static int
close_scene(void **s)
{
	struct scene *x = *s;

	acceptor_stop(&x->acceptor);
	loop_free(x->loop);
	close(x->listener);
	unlink(x->path);
	free(x);
	return 0;
}

static int
connect_to(const struct scene *x)
{
	struct sockaddr_un a = address_of(x);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_return_code(connect(fd, (struct sockaddr *)&a, sizeof a), errno);
	return fd;
}

static void
run(struct scene *x, unsigned n)
{
	struct err e = ERR_INIT;

	x->n_wanted = n;
	assert_int_equal(loop_run(x->loop, &e), 0);
}

/* As many as are open now. */
static struct rlimit
take_the_rest(void)
{
	struct rlimit all, none;
	int next = dup(0);

	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = (struct rlimit){ next, all.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	return all;
}

static void
who_finds_no_descriptor_left_is_told_so(void **s)
{
	struct scene *x = *s;
	int peers[3];
	struct rlimit all;
	char byte;
	struct err e;

	assert_int_equal(acceptor_init(&x->acceptor, x->loop, x->listener,
			     on_accept, on_refuse, x, &e),
	    0);
	for (int i = 0; i < 3; i++)
		peers[i] = connect_to(x);
	all = take_the_rest();
	run(x, 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_int_equal(x->n_refused, 3);
	assert_int_equal(x->code, EMFILE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(read(peers[i], &byte, 1), 0);
		close(peers[i]);
	}
	peers[0] = connect_to(x);
	run(x, 4);
	assert_int_equal(x->n_accepted, 1);
	close(peers[0]);
}

static struct rlimit given_back;

static void
give_back(void *ctx)
{
	(void)ctx;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &given_back), 0);
}

static void
or_waits_until_there_is_one(void **s)
{
	struct scene *x = *s;
	int peer;
	struct err e;

	assert_int_equal(acceptor_init(&x->acceptor, x->loop, x->listener,
			     on_accept, NULL, x, &e),
	    0);
	peer = connect_to(x);
	assert_non_null(loop_at(
	    x->loop, clock_now_ns() + 20 * NS_PER_MS, give_back, x, &e));
	given_back = take_the_rest();
	run(x, 1);
	assert_int_equal(x->n_accepted, 1);
	assert_int_equal(x->n_refused, 0);
	close(peer);
}

#define IN(test) cmocka_unit_test_setup_teardown(test, open_scene, close_scene)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN(who_finds_no_descriptor_left_is_told_so),
		IN(or_waits_until_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
