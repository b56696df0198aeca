/* The server: peers that misbehave, its end, connections that were begun before. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/scene.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* --- peers that misbehave --- */

static void
a_method_that_streams_to_nobody_waits_and_learns_the_end(void **s)
{
	static const char request[] = REQUEST("/t/pour", "\x07");
	static const uint8_t no_window[] = { 0, 4, 0, 0, 0, 0 };
	struct scene *x = *s;
	int fd = raw_client(x);
	unsigned n;

	put_frame(fd, SETTINGS, 0, 0, no_window, sizeof no_window);
	put_frame(fd, HEADERS, 4, 1, request, sizeof request - 1);
	put_frame(fd, DATA, 1, 1, "\0\0\0\0\0", 5);
	AWAIT(x, x->n_started >= 4);
	usleep(100000);
	CHANGE(x, n = x->n_started);
	assert_in_range(n, 4, 5);
	close(fd);
	AWAIT(x, x->send_failure != 0);
	assert_int_equal(x->send_failure, ECANCELED);
	AWAIT(x, x->n_closed == 1);
}

static void
a_reset_is_a_cancellation(void **s)
{
	static const char request[] = REQUEST("/t/park", "\x07");
	struct scene *x = *s;
	AUTO_CLOSE int fd = raw_client(x);

	put_frame(fd, SETTINGS, 0, 0, "", 0);
	put_frame(fd, HEADERS, 4, 1, request, sizeof request - 1);
	put_frame(fd, DATA, 1, 1, "\0\0\0\0\0", 5);
	AWAIT(x, x->parked != NULL);
	put_frame(fd, RST_STREAM, 0, 1, "\0\0\0\x08", 4);
	AWAIT(x, x->n_cancelled == 1);
	assert_true(grpc_call_is_cancelled(x->parked));
	grpc_call_finish(x->parked, GRPC_CANCELLED, NULL);
}

/* --- the server's end --- */

static void
on_drained(void *ctx)
{
	struct scene *x = ctx;

	CHANGE(x, x->n_drained++);
}

static void
drain(struct scene *x, void *arg)
{
	grpc_server_drain(x->server, *(uint32_t *)arg, on_drained, x);
}

static void
a_drain_waits_for_what_runs(void **s)
{
	struct scene *x = *s;
	uint32_t patience_ms = PATIENCE_S * 1000;
	struct asked q, late;

	ask(x, &q, "/t/park", "");
	AWAIT(x, x->parked != NULL);
	on_loop(x, drain, &patience_ms);
	ask(x, &late, "/t/echo", "");
	usleep(50000);
	assert_int_equal(x->n_drained, 0);
	grpc_call_reply(x->parked, "x", 1);
	assert_int_equal(status_of(&q), GRPC_OK);
	AWAIT(x, x->n_drained == 1);
	assert_int_equal(x->n_opened, 1);
	assert_false(late.is_done);
	on_loop(x, cancel_asked, &late);
	assert_int_equal(status_of(&late), GRPC_CANCELLED);
}

static void
a_drain_has_an_end(void **s)
{
	struct scene *x = *s;
	uint32_t patience_ms = 100;
	struct asked q;

	ask(x, &q, "/t/park", "");
	AWAIT(x, x->parked != NULL);
	on_loop(x, drain, &patience_ms);
	AWAIT(x, x->n_drained == 1);
	grpc_call_reply(x->parked, "x", 1);
	assert_int_equal(status_of(&q), GRPC_OK);
}

static void
a_server_without_connections_is_drained_at_once(void **s)
{
	struct scene *x = *s;
	uint32_t patience_ms = PATIENCE_S * 1000;

	on_loop(x, drain, &patience_ms);
	AWAIT(x, x->n_drained == 1);
}

static void
adopt(struct scene *x, void *arg)
{
	grpc_server_adopt(x->server, *(int *)arg);
}

static void
an_adopted_connection_is_told_that_nothing_was_begun(void **s)
{
	static const uint8_t words[26] = { 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8,
		7 };
	struct scene *x = *s;
	uint8_t got[sizeof words], more;
	uint64_t start = clock_now_ns();
	int pair[2], held;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	held = dup(pair[0]); /* the supervisor's */
	assert_int_equal(write(pair[1], "whatever", 8), 8);
	on_loop(x, adopt, &pair[0]);
	get_bytes(pair[1], got, sizeof got);
	assert_memory_equal(got, words, sizeof words);
	assert_int_equal(read(pair[1], &more, 1), 0);
	assert_in_range(
	    (clock_now_ns() - start) / NS_PER_MS, 900, PATIENCE_S * 1000);
	close(pair[1]);
	close(held);
}

/* Beyond what a clock's nanoseconds come to. */
#define GREETED_SERIAL ((uint64_t)1 << 62)

static void
take_greeted(struct scene *x, void *arg)
{
	grpc_server_take_greeted(x->server, *(int *)arg, GREETED_SERIAL);
}

static void
await_headers(int fd, uint32_t stream)
{
	struct frame f = { 0 };

	while (f.type != HEADERS) {
		get_frame(fd, &f);
		assert_int_not_equal(f.type, GOAWAY);
	}
	assert_int_equal(f.stream, stream);
}

/* All but the answers was written before anybody served. */
static void
a_greeted_connection_is_served_from_its_first_byte(void **s)
{
	static const char request[] = REQUEST("/t/echo", "\x07");
	struct scene *x = *s;
	struct frame f;
	int pair[2], other;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[1], preface, 24), 24);
	put_frame(pair[1], SETTINGS, 0, 0, "", 0);
	put_frame(pair[1], SETTINGS, 1, 0, "", 0); /* the greeting was heard */
	put_frame(pair[1], HEADERS, 4, 1, request, sizeof request - 1);
	put_frame(pair[1], DATA, 1, 1, "\0\0\0\0\0", 5);
	on_loop(x, take_greeted, &pair[0]);
	get_frame(pair[1], &f);
	assert_int_equal(f.type, SETTINGS);
	assert_int_not_equal(f.n, 0);
	await_headers(pair[1], 1);
	put_frame(pair[1], SETTINGS, 1, 0, "", 0);
	put_frame(pair[1], HEADERS, 4, 3, request, sizeof request - 1);
	put_frame(pair[1], DATA, 1, 3, "\0\0\0\0\0", 5);
	get_frame(pair[1], &f); /* the end of the first */
	while (f.type != HEADERS || f.stream != 3)
		get_frame(pair[1], &f);
	AWAIT(x, x->serial == GREETED_SERIAL);
	other = raw_client(x);
	AWAIT(x, x->serial == GREETED_SERIAL + 1);
	close(other);
	close(pair[1]);
	AWAIT(x, x->n_closed == 2);
}

/* Who holds what is accepted, and says the first word to it. */
static bool
greet(void *ctx, uint64_t serial, int fd)
{
	static const uint8_t settings[9] = { [3] = SETTINGS };
	struct scene *x = ctx;

	CHANGE(x, x->serial = serial);
	return write(fd, settings, sizeof settings) == sizeof settings;
}

static void
serve_greeted(struct scene *x, void *listener)
{
	static const struct grpc_method none[1];
	const struct grpc_server_options o = {
		.methods = none, .greet = greet, .ctx = x
	};
	struct err e = ERR_INIT;

	grpc_server_free(x->server);
	x->server = grpc_server_new(x->loop, *(int *)listener, &o, &e);
	assert_non_null(x->server);
}

/* The peer acknowledges both. */
static void
one_that_was_greeted_when_it_was_held_is_served(void **s)
{
	static const char request[] = REQUEST("/t/echo", "\x07");
	struct scene *x = *s;
	struct frame f;
	int listener, fd;

	unlink(x->path);
	listener = open_listener(x->path);
	on_loop(x, serve_greeted, &listener);
	fd = raw_client(x);
	put_frame(fd, SETTINGS, 0, 0, "", 0);
	get_frame(fd, &f);
	assert_int_equal(f.type, SETTINGS);
	assert_int_equal(f.n, 0);
	put_frame(fd, SETTINGS, 1, 0, "", 0);
	get_frame(fd, &f);
	assert_int_equal(f.type, SETTINGS);
	assert_int_not_equal(f.n, 0);
	put_frame(fd, SETTINGS, 1, 0, "", 0);
	put_frame(fd, HEADERS, 4, 1, request, sizeof request - 1);
	put_frame(fd, DATA, 1, 1, "\0\0\0\0\0", 5);
	await_headers(fd, 1);
	AWAIT(x, x->serial != 0);
	close(fd);
}

#define IN(open, test) cmocka_unit_test_setup_teardown(test, open, close_scene)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN(open_scene,
		    a_method_that_streams_to_nobody_waits_and_learns_the_end),
		IN(open_scene, a_reset_is_a_cancellation),
		IN(open_scene, a_drain_waits_for_what_runs),
		IN(open_scene, a_drain_has_an_end),
		IN(open_scene, a_server_without_connections_is_drained_at_once),
		IN(open_scene,
		    an_adopted_connection_is_told_that_nothing_was_begun),
		IN(open_scene,
		    a_greeted_connection_is_served_from_its_first_byte),
		IN(open_scene, one_that_was_greeted_when_it_was_held_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
