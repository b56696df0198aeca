/* The client, and servers that misbehave. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/scene.h"
#include "base/cleanup.h"
#include "base/loop.h"
#include "base/thread.h"

static int
open_client_only(void **s)
{
	return open_scene_with(s, 1, false);
}

/* Takes a call of the client's, up to the end of its request. */
static int
take_call(int listener)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = accept(listener, NULL, NULL);
	char got[24];
	struct frame f = { 0 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	get_bytes(fd, got, sizeof got);
	assert_memory_equal(got, preface, sizeof got);
	put_frame(fd, SETTINGS, 0, 0, "", 0);
	while (f.type != DATA || !(f.flags & 1))
		get_frame(fd, &f);
	return fd;
}

#define STATUS_0                \
	"\0\x0bgrpc-status\x01" \
	"0"

static void
answer(int fd)
{
	static const char headers[] = "\x88", trailers[] = STATUS_0;

	put_frame(fd, HEADERS, 4, 1, headers, sizeof headers - 1);
	put_frame(fd, DATA, 0, 1, "\0\0\0\0\1x", 6);
	put_frame(fd, HEADERS, 5, 1, trailers, sizeof trailers - 1);
}

static void
the_next_call_connects_again(void **s)
{
	struct scene *x = *s;
	struct asked q;
	AUTO_CLOSE int listener = -1;

	ask(x, &q, "/t/echo", "");
	assert_int_equal(status_of(&q), GRPC_UNAVAILABLE);
	listener = open_listener(x->path);
	for (int i = 0; i < 3; i++) {
		int fd;

		ask(x, &q, "/t/echo", "hi");
		fd = take_call(listener);
		if (i != 1)
			answer(fd);
		else
			close(fd);
		assert_int_equal(
		    status_of(&q), i != 1 ? GRPC_OK : GRPC_UNAVAILABLE);
		if (i != 1)
			close(fd);
		let_loop_turn(x);
	}
}

static void
a_call_the_server_has_not_begun_is_sent_once_more(void **s)
{
	struct scene *x = *s;
	struct asked q;
	AUTO_CLOSE int listener = open_listener(x->path);
	int first, second;

	ask(x, &q, "/t/echo", "hi");
	first = take_call(listener);
	put_frame(first, GOAWAY, 0, 0, "\0\0\0\0\0\0\0\0", 8);
	second = take_call(listener);
	answer(second);
	assert_int_equal(status_of(&q), GRPC_OK);
	assert_memory_equal(q.message, "x", 1);
	close(first);
	close(second);
}

static void
a_call_that_is_refused_twice_is_unavailable(void **s)
{
	struct scene *x = *s;
	struct asked q;
	AUTO_CLOSE int listener = open_listener(x->path);
	AUTO_CLOSE int fd = -1;
	struct frame f = { 0 };

	ask(x, &q, "/t/echo", "hi");
	fd = take_call(listener);
	put_frame(fd, RST_STREAM, 0, 1, "\0\0\0\7", 4);
	while (f.type != DATA || f.stream != 3)
		get_frame(fd, &f);
	put_frame(fd, RST_STREAM, 0, 3, "\0\0\0\7", 4);
	assert_int_equal(status_of(&q), GRPC_UNAVAILABLE);
}

static void
an_answer_that_is_none_is_internal(void **s)
{
	static const struct {
		const char *headers;
		size_t n;
	} cases[] = {
		{ "\x88", 1 },           /* no status */
		{ "\x8d", 1 },           /* 404 */
		{ "\x88" STATUS_0, 16 }, /* OK, no message */
	};
	struct scene *x = *s;
	AUTO_CLOSE int listener = open_listener(x->path);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct asked q;
		int fd;

		ask(x, &q, "/t/echo", "hi");
		fd = take_call(listener);
		put_frame(fd, HEADERS, 5, 1, cases[i].headers, cases[i].n);
		assert_int_equal(status_of(&q), GRPC_INTERNAL);
		close(fd);
		let_loop_turn(x);
	}
}

static void
what_is_in_flight_ends_with_the_client(void **s)
{
	struct scene *x = *s;
	struct asked q;
	AUTO_CLOSE int listener = open_listener(x->path);
	AUTO_CLOSE int fd = -1;

	ask(x, &q, "/t/echo", "hi");
	fd = take_call(listener);
	loop_stop(x->loop);
	pthread_join(x->thread, NULL);
	grpc_client_free(take_ptr(&x->client));
	assert_true(q.is_done);
	assert_int_equal(q.status, GRPC_UNAVAILABLE);
	assert_int_equal(thread_start(&x->thread, "main", run_loop, x->loop,
			     &(struct err){ 0 }),
	    0);
}

#define IN(open, test) cmocka_unit_test_setup_teardown(test, open, close_scene)

#define IN(open, test) cmocka_unit_test_setup_teardown(test, open, close_scene)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN(open_client_only, the_next_call_connects_again),
		IN(open_client_only,
		    a_call_the_server_has_not_begun_is_sent_once_more),
		IN(open_client_only,
		    a_call_that_is_refused_twice_is_unavailable),
		IN(open_client_only, an_answer_that_is_none_is_internal),
		IN(open_client_only, what_is_in_flight_ends_with_the_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
