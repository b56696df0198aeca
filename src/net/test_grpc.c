#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/grpc.h"
#include "net/grpc_client.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/loop.h"
#include "base/pool.h"
#include "base/test.h"
#include "base/thread.h"

enum { PATIENCE_S = 20 };

/* A server, a client of it, the loop of both on a thread. */
struct scene {
	char dir[32];
	char path[64];
	struct loop *loop;
	struct pool *pool;
	struct grpc_server *server;
	struct grpc_client *client;
	pthread_t thread;

	struct lock lock;
	struct cond changed;
	/* guarded by lock */
	struct grpc_call *parked; /* by /t/park */
	unsigned n_started, n_cancelled, n_opened, n_closed, n_drained;
	int send_failure; /* errno */
	bool is_released; /* what /t/block waits for */
};

/* Waits until the condition holds; under the lock. */
#define AWAIT(x, condition)                                               \
	do {                                                              \
		uint64_t until_ = clock_now_ns() + PATIENCE_S * NS_PER_S; \
		bool is_late_ = false;                                    \
		lock_acquire(&(x)->lock);                                 \
		while (!(condition) && !is_late_)                         \
			is_late_ = !cond_wait_until(                      \
			    &(x)->changed, &(x)->lock, until_);           \
		lock_release(&(x)->lock);                                 \
		assert_false(is_late_);                                   \
	} while (0)

#define CHANGE(x, statement)                   \
	do {                                   \
		LOCK_SCOPE(&(x)->lock);        \
		statement;                     \
		cond_broadcast(&(x)->changed); \
	} while (0)

/* --- methods --- */

static void
run_echo(void *ctx, struct grpc_call *c)
{
	struct scene *x = ctx;
	size_t n;
	const uint8_t *p = grpc_call_request(c, &n);

	CHANGE(x, x->n_started++);
	grpc_call_reply(c, p, n);
}

static void
run_block(void *ctx, struct grpc_call *c)
{
	struct scene *x = ctx;

	CHANGE(x, x->n_started++);
	AWAIT(x, x->is_released);
	grpc_call_reply(c, NULL, 0);
}

static void
on_cancel(void *ctx)
{
	struct scene *x = ctx;

	CHANGE(x, x->n_cancelled++);
}

/* Somebody else ends it. */
static void
run_park(void *ctx, struct grpc_call *c)
{
	struct scene *x = ctx;

	assert_true(grpc_call_on_cancel(c, on_cancel, x));
	CHANGE(x, x->parked = c);
}

static void
run_huge(void *ctx, struct grpc_call *c)
{
	AUTO_FREE uint8_t *p = calloc(1, LIMIT_GRPC_MESSAGE_BYTES + 1);
	struct err e;

	(void)ctx;
	assert_fails(
	    grpc_call_send(c, p, LIMIT_GRPC_MESSAGE_BYTES + 1, &e), e, E2BIG);
	grpc_call_reply(c, p, LIMIT_GRPC_MESSAGE_BYTES + 1);
}

/* As much as is taken. */
static void
run_pour(void *ctx, struct grpc_call *c)
{
	struct scene *x = ctx;
	AUTO_FREE uint8_t *p = calloc(1, 1 << 20);
	struct err e = ERR_INIT;

	while (grpc_call_send(c, p, 1 << 20, &e) == 0)
		CHANGE(x, x->n_started++);
	CHANGE(x, x->send_failure = e.code);
	grpc_call_finish(c, GRPC_CANCELLED, NULL);
}

static void
run_otherwise(void *ctx, struct grpc_call *c)
{
	(void)ctx;
	grpc_call_finish(c, GRPC_ALREADY_EXISTS, grpc_call_path(c));
}

static const struct grpc_method methods[] = {
	{ "/t/echo", run_echo },
	{ "/t/block", run_block },
	{ "/t/park", run_park },
	{ "/t/huge", run_huge },
	{ "/t/pour", run_pour },
};

/* --- the scene --- */

static void
on_open(void *ctx, uint64_t serial, int fd)
{
	struct scene *x = ctx;

	assert_true(serial > 0 && fd >= 0);
	CHANGE(x, x->n_opened++);
}

static void
on_close(void *ctx, uint64_t serial)
{
	struct scene *x = ctx;

	assert_true(serial > 0);
	CHANGE(x, x->n_closed++);
}

static int
open_listener(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	assert_return_code(bind(fd, (struct sockaddr *)&a, sizeof a), errno);
	assert_return_code(listen(fd, 16), errno);
	return fd;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	assert_return_code(connect(fd, (struct sockaddr *)&a, sizeof a), errno);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return fd;
}

static void *
run_loop(void *arg)
{
	struct scene *x = arg;
	struct err e = ERR_INIT;

	assert_int_equal(loop_run(x->loop, &e), 0);
	return NULL;
}

static int
open_scene_with(void **s, unsigned threads, bool has_server)
{
	struct scene *x = calloc(1, sizeof *x);
	struct err e = ERR_INIT;

	strcpy(x->dir, "/tmp/test_grpc.XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	snprintf(x->path, sizeof x->path, "%s/s", x->dir);
	lock_init(&x->lock, RANK_LEAF);
	cond_init(&x->changed);
	x->loop = loop_new(&e);
	x->pool = threads == 0 ? NULL : pool_new("call", threads, &e);
	x->client = grpc_client_new(x->loop, x->path, &e);
	if (has_server) {
		struct grpc_server_options o = {
			.methods = methods,
			.n_methods = sizeof methods / sizeof *methods,
			.otherwise = run_otherwise,
			.pool = x->pool,
			.on_open = on_open,
			.on_close = on_close,
			.ctx = x,
		};
		x->server =
		    grpc_server_new(x->loop, open_listener(x->path), &o, &e);
		assert_non_null(x->server);
	}
	assert_int_equal(thread_start(&x->thread, "main", run_loop, x, &e), 0);
	*s = x;
	return 0;
}

static int
open_scene(void **s)
{
	return open_scene_with(s, 4, true);
}

static int
open_narrow(void **s)
{
	return open_scene_with(s, 1, true);
}

static int
open_without_pool(void **s)
{
	return open_scene_with(s, 0, true);
}

static int
open_client_only(void **s)
{
	return open_scene_with(s, 1, false);
}

static int
close_scene(void **s)
{
	struct scene *x = *s;

	loop_stop(x->loop);
	pthread_join(x->thread, NULL);
	pool_free(x->pool);
	grpc_client_free(x->client);
	grpc_server_free(x->server);
	loop_free(x->loop);
	unlink(x->path);
	rmdir(x->dir);
	cond_destroy(&x->changed);
	lock_destroy(&x->lock);
	free(x);
	return 0;
}

/* Runs on the loop's thread, and has run when this returns. */
struct errand {
	struct deferred deferred;
	struct scene *scene;
	void (*run)(struct scene *x, void *arg);
	void *arg;
	bool is_done;
};

static void
run_errand(struct deferred *d)
{
	struct errand *r = container_of(d, struct errand, deferred);
	struct scene *x = r->scene;

	r->run(x, r->arg);
	CHANGE(x, r->is_done = true);
}

static void
on_loop(struct scene *x, void (*run)(struct scene *x, void *arg), void *arg)
{
	struct errand r = {
		.deferred.run = run_errand, .scene = x, .run = run, .arg = arg
	};

	loop_defer(x->loop, &r.deferred);
	AWAIT(x, r.is_done);
}

/* --- calls --- */

struct asked {
	struct scene *scene;
	struct grpc_client_call call;
	bool is_done;
	int status;
	char text[128];
	char message[64];
	size_t n;
};

static void
on_answer(struct grpc_client_call *call, const struct grpc_answer *a)
{
	struct asked *q = container_of(call, struct asked, call);
	struct scene *x = q->scene;

	q->status = a->status;
	q->n = a->n;
	snprintf(q->text, sizeof q->text, "%s", a->text);
	if (a->n > 0)
		memcpy(q->message, a->message,
		    a->n < sizeof q->message ? a->n : sizeof q->message);
	CHANGE(x, q->is_done = true);
}

static void
ask(struct scene *x, struct asked *q, const char *path, const char *message)
{
	*q = (struct asked){ .scene = x };
	q->call.path = path;
	q->call.message = message;
	q->call.n = strlen(message);
	q->call.on_done = on_answer;
	grpc_client_send(x->client, &q->call);
}

static int
status_of(struct scene *x, struct asked *q)
{
	AWAIT(x, q->is_done);
	return q->status;
}

static void
cancel_asked(struct scene *x, void *arg)
{
	struct asked *q = arg;

	(void)x;
	grpc_client_cancel(&q->call);
}

static void
a_call_is_answered_by_its_method(void **s)
{
	struct scene *x = *s;
	struct asked q;

	ask(x, &q, "/t/echo", "hello");
	assert_int_equal(status_of(x, &q), GRPC_OK);
	assert_int_equal(q.n, 5);
	assert_memory_equal(q.message, "hello", 5);
	ask(x, &q, "/t/echo", "");
	assert_int_equal(status_of(x, &q), GRPC_OK);
	assert_int_equal(q.n, 0);
	assert_int_equal(x->n_opened, 1);
}

static void
calls_in_flight_together_are_each_answered(void **s)
{
	enum { N = 1500 };
	struct scene *x = *s;
	AUTO_FREE struct asked *q = calloc(N, sizeof *q);
	char messages[N][12];

	for (int i = 0; i < N; i++) {
		snprintf(messages[i], sizeof messages[i], "%d", i);
		ask(x, &q[i], "/t/echo", messages[i]);
	}
	for (int i = 0; i < N; i++) {
		assert_int_equal(status_of(x, &q[i]), GRPC_OK);
		assert_int_equal(q[i].n, strlen(messages[i]));
		assert_memory_equal(q[i].message, messages[i], q[i].n);
	}
	assert_int_equal(x->n_opened, 1);
}

static void
any_other_path_goes_to_otherwise(void **s)
{
	struct scene *x = *s;
	struct asked q;

	ask(x, &q, "/t/other", "");
	assert_int_equal(status_of(x, &q), GRPC_ALREADY_EXISTS);
	assert_string_equal(q.text, "/t/other");
}

static void
a_call_may_be_ended_later_by_another_thread(void **s)
{
	struct scene *x = *s;
	struct asked q;

	ask(x, &q, "/t/park", "");
	AWAIT(x, x->parked != NULL);
	assert_false(grpc_call_is_cancelled(x->parked));
	grpc_call_finish(x->parked, GRPC_NOT_FOUND, "later");
	assert_int_equal(status_of(x, &q), GRPC_NOT_FOUND);
	assert_string_equal(q.text, "later");
	assert_int_equal(x->n_cancelled, 0);
}

static void
a_method_is_told_once_that_nobody_waits(void **s)
{
	struct scene *x = *s;
	struct asked q, again;

	ask(x, &q, "/t/park", "");
	AWAIT(x, x->parked != NULL);
	on_loop(x, cancel_asked, &q);
	assert_int_equal(status_of(x, &q), GRPC_CANCELLED);
	AWAIT(x, x->n_cancelled == 1);
	assert_true(grpc_call_is_cancelled(x->parked));
	assert_false(grpc_call_on_cancel(x->parked, on_cancel, x));
	grpc_call_reply(x->parked, "x", 1);
	ask(x, &again, "/t/echo", "");
	assert_int_equal(status_of(x, &again), GRPC_OK);
	assert_int_equal(x->n_cancelled, 1);
}

static void
a_deadline_ends_the_wait_and_tells_the_method(void **s)
{
	struct scene *x = *s;
	struct asked q = { .scene = x };

	q.call.path = "/t/park";
	q.call.on_done = on_answer;
	q.call.deadline_ns = clock_now_ns() + 100 * NS_PER_MS;
	grpc_client_send(x->client, &q.call);
	assert_int_equal(status_of(x, &q), GRPC_DEADLINE_EXCEEDED);
	assert_true(clock_now_ns() >= q.call.deadline_ns);
	AWAIT(x, x->n_cancelled == 1);
	grpc_call_finish(x->parked, GRPC_OK, NULL);
}

static void
a_call_that_nobody_waits_for_is_not_begun(void **s)
{
	struct scene *x = *s;
	struct asked first, second, third;

	ask(x, &first, "/t/block", "");
	AWAIT(x, x->n_started == 1);
	ask(x, &second, "/t/echo", "");
	usleep(50000);
	on_loop(x, cancel_asked, &second);
	ask(x, &third, "/t/echo", "");
	usleep(50000);
	CHANGE(x, x->is_released = true);
	assert_int_equal(status_of(x, &first), GRPC_OK);
	assert_int_equal(status_of(x, &second), GRPC_CANCELLED);
	assert_int_equal(status_of(x, &third), GRPC_OK);
	assert_int_equal(x->n_started, 2);
}

static void
an_answer_past_the_limit_is_resource_exhausted(void **s)
{
	struct scene *x = *s;
	struct asked q;

	ask(x, &q, "/t/huge", "");
	assert_int_equal(status_of(x, &q), GRPC_RESOURCE_EXHAUSTED);
}

static void
without_a_pool_methods_run_on_the_loop(void **s)
{
	struct scene *x = *s;
	struct asked q;

	ask(x, &q, "/t/echo", "hello");
	assert_int_equal(status_of(x, &q), GRPC_OK);
	assert_memory_equal(q.message, "hello", 5);
}

static void
a_call_may_be_cancelled_before_it_was_sent(void **s)
{
	struct scene *x = *s;
	struct asked q = { .scene = x };

	q.call.path = "/t/echo";
	q.call.on_done = on_answer;
	on_loop(x, cancel_asked, &q);
	grpc_client_send(x->client, &q.call);
	assert_int_equal(status_of(x, &q), GRPC_CANCELLED);
	assert_int_equal(x->n_started, 0);
	q.is_done = false;
	grpc_client_send(x->client, &q.call);
	assert_int_equal(status_of(x, &q), GRPC_OK);
}

/* --- a peer made of frames --- */

static void
put_frame(int fd, uint8_t type, uint8_t flags, uint32_t stream, const void *p,
    uint32_t n)
{
	uint8_t head[9] = { n >> 16, n >> 8, n, type, flags, stream >> 24,
		stream >> 16, stream >> 8, stream };

	assert_int_equal(write(fd, head, sizeof head), sizeof head);
	assert_int_equal(write(fd, p, n), n);
}

struct frame {
	uint8_t type, flags;
	uint32_t stream, n;
	uint8_t payload[1 << 14];
};

static void
get_bytes(int fd, void *to, size_t n)
{
	assert_int_equal(recv(fd, to, n, MSG_WAITALL), n);
}

static void
get_frame(int fd, struct frame *f)
{
	uint8_t head[9];

	get_bytes(fd, head, sizeof head);
	f->n = head[0] << 16 | head[1] << 8 | head[2];
	f->type = head[3];
	f->flags = head[4];
	f->stream =
	    (uint32_t)head[5] << 24 | head[6] << 16 | head[7] << 8 | head[8];
	assert_in_range(f->n, 0, sizeof f->payload);
	get_bytes(fd, f->payload, f->n);
}

enum { DATA, HEADERS, RST_STREAM = 3, SETTINGS, GOAWAY = 7 };

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/* POST, http, and two literals: the path and the type. */
#define REQUEST(path, length)                     \
	"\x83\x86\x04" length path "\x0f\x10\x10" \
	"application/grpc"

static int
raw_client(struct scene *x)
{
	int fd = connect_to(x->path);

	assert_int_equal(write(fd, preface, 24), 24);
	return fd;
}

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
	assert_int_equal(status_of(x, &q), GRPC_OK);
	AWAIT(x, x->n_drained == 1);
	assert_int_equal(x->n_opened, 1);
	assert_false(late.is_done);
	on_loop(x, cancel_asked, &late);
	assert_int_equal(status_of(x, &late), GRPC_CANCELLED);
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
	assert_int_equal(status_of(x, &q), GRPC_OK);
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

/* --- the client and servers that misbehave --- */

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
	assert_int_equal(status_of(x, &q), GRPC_UNAVAILABLE);
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
		    status_of(x, &q), i != 1 ? GRPC_OK : GRPC_UNAVAILABLE);
		if (i != 1)
			close(fd);
		usleep(50000);
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
	assert_int_equal(status_of(x, &q), GRPC_OK);
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
	assert_int_equal(status_of(x, &q), GRPC_UNAVAILABLE);
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
		assert_int_equal(status_of(x, &q), GRPC_INTERNAL);
		close(fd);
		usleep(50000);
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
	assert_int_equal(
	    thread_start(&x->thread, "main", run_loop, x, &(struct err){ 0 }),
	    0);
}

#define IN(open, test) cmocka_unit_test_setup_teardown(test, open, close_scene)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN(open_scene, a_call_is_answered_by_its_method),
		IN(open_scene, calls_in_flight_together_are_each_answered),
		IN(open_scene, any_other_path_goes_to_otherwise),
		IN(open_scene, a_call_may_be_ended_later_by_another_thread),
		IN(open_scene, a_method_is_told_once_that_nobody_waits),
		IN(open_scene, a_deadline_ends_the_wait_and_tells_the_method),
		IN(open_narrow, a_call_that_nobody_waits_for_is_not_begun),
		IN(open_scene, an_answer_past_the_limit_is_resource_exhausted),
		IN(open_without_pool, without_a_pool_methods_run_on_the_loop),
		IN(open_scene, a_call_may_be_cancelled_before_it_was_sent),
		IN(open_scene,
		    a_method_that_streams_to_nobody_waits_and_learns_the_end),
		IN(open_scene, a_reset_is_a_cancellation),
		IN(open_scene, a_drain_waits_for_what_runs),
		IN(open_scene, a_drain_has_an_end),
		IN(open_scene, a_server_without_connections_is_drained_at_once),
		IN(open_scene,
		    an_adopted_connection_is_told_that_nothing_was_begun),
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
