#include "net/scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/loop.h"
#include "base/pool.h"
#include "base/thread.h"

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

void
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
	CHANGE(x, (x->serial = serial, x->n_opened++));
}

static void
on_close(void *ctx, uint64_t serial)
{
	struct scene *x = ctx;

	assert_true(serial > 0);
	CHANGE(x, x->n_closed++);
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

int
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
	assert_int_equal(
	    thread_start(&x->thread, "main", run_loop, x->loop, &e), 0);
	*s = x;
	return 0;
}

int
open_scene(void **s)
{
	return open_scene_with(s, 4, true);
}

int
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

void
on_loop(struct scene *x, void (*run)(struct scene *x, void *arg), void *arg)
{
	struct errand r = {
		.deferred.run = run_errand, .scene = x, .run = run, .arg = arg
	};

	loop_defer(x->loop, &r.deferred);
	AWAIT(x, r.is_done);
}

static void
do_nothing(struct scene *x, void *arg)
{
	(void)x;
	(void)arg;
}

/* A turn for each end to write, to read and to find the other's. */
void
let_loop_turn(struct scene *x)
{
	for (int i = 0; i < 8; i++)
		on_loop(x, do_nothing, NULL);
}

/* --- calls --- */

void
ask(struct scene *x, struct asked *q, const char *path, const char *message)
{
	*q = ASKED(x);
	q->call.path = path;
	q->call.message = message;
	q->call.n = strlen(message);
	grpc_client_send(x->client, &q->call);
}

void
cancel_asked(struct scene *x, void *arg)
{
	struct asked *q = arg;

	(void)x;
	grpc_client_cancel(&q->call);
}

/* --- frames --- */

const char preface[25] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

void
put_frame(int fd, uint8_t type, uint8_t flags, uint32_t stream, const void *p,
    uint32_t n)
{
	uint8_t head[9] = { n >> 16, n >> 8, n, type, flags, stream >> 24,
		stream >> 16, stream >> 8, stream };

	assert_int_equal(write(fd, head, sizeof head), sizeof head);
	assert_int_equal(write(fd, p, n), n);
}

void
get_bytes(int fd, void *to, size_t n)
{
	assert_int_equal(recv(fd, to, n, MSG_WAITALL), n);
}

void
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

int
raw_client(struct scene *x)
{
	int fd = connect_to(x->path);

	assert_int_equal(write(fd, preface, 24), 24);
	return fd;
}
