#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cri_proxy.h"
#include "registry/credential.h"
#include "net/asked.h"
#include "net/grpc.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/loop.h"
#include "base/pool.h"
#include "base/thread.h"

#define PULL "/runtime.v1.ImageService/PullImage"
#define PULL_ALPHA "/runtime.v1alpha2.ImageService/PullImage"

/* kubelet (a client), the proxy, and a containerd that is a server of ours. */
struct scene {
	char dir[32], kubelet_path[64], containerd_path[64];
	struct loop *loop;
	struct pool *pool;
	struct grpc_client *kubelet;
	struct cri_proxy *proxy;
	struct grpc_server *containerd;
	pthread_t thread;

	struct lock lock;
	struct cond changed;
	/* guarded by lock */
	char story[256]; /* what happened, in order */
	struct grpc_call *parked;
	bool is_cancelled;
};

static void
tell(struct scene *x, const char *a, const char *b)
{
	CHANGE(x, strcat(strcat(strcat(x->story, a), b), ";"));
}

/* --- containerd --- */

static void
run_echo(void *ctx, struct grpc_call *c)
{
	size_t n, n_fields;
	const uint8_t *p = grpc_call_request(c, &n);
	const struct grpc_field *f = grpc_call_metadata(c, &n_fields);

	tell(ctx, grpc_call_path(c), n_fields > 0 ? f[0].value : "");
	grpc_call_reply(c, p, n);
}

static void
run_fail(void *ctx, struct grpc_call *c)
{
	(void)ctx;
	grpc_call_finish(c, GRPC_NOT_FOUND, "no 100 %");
}

static void
on_cancel(void *ctx)
{
	struct scene *x = ctx;

	CHANGE(x, x->is_cancelled = true);
}

static void
run_park(void *ctx, struct grpc_call *c)
{
	struct scene *x = ctx;

	grpc_call_on_cancel(c, on_cancel, x);
	CHANGE(x, x->parked = c);
}

static const struct grpc_method methods[] = {
	{ "/fail", run_fail },
	{ "/park", run_park },
};

/* --- the scene --- */

static void
on_credential(void *ctx, const char *image, const struct credential *c)
{
	tell(ctx, image, " ");
	tell(ctx, c->username, c->password);
}

static void
start_containerd(struct scene *x)
{
	struct grpc_server_options o = {
		.methods = methods,
		.n_methods = sizeof methods / sizeof *methods,
		.otherwise = run_echo,
		.pool = x->pool,
		.ctx = x,
	};
	struct err e = ERR_INIT;

	x->containerd =
	    grpc_server_new(x->loop, open_listener(x->containerd_path), &o, &e);
	assert_non_null(x->containerd);
}

static void
start_proxy(struct scene *x)
{
	struct cri_proxy_options o = {
		.upstream = x->containerd_path,
		.pool = x->pool,
		.on_credential = on_credential,
		.ctx = x,
	};
	struct err e = ERR_INIT;

	x->proxy =
	    cri_proxy_new(x->loop, open_listener(x->kubelet_path), &o, &e);
	assert_non_null(x->proxy);
	assert_non_null(cri_proxy_server(x->proxy));
}

static int
open_scene_with(void **s, bool has_containerd)
{
	struct scene *x = calloc(1, sizeof *x);
	struct err e = ERR_INIT;

	strcpy(x->dir, "/tmp/test_cri.XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	snprintf(x->kubelet_path, sizeof x->kubelet_path, "%s/k", x->dir);
	snprintf(x->containerd_path, sizeof x->containerd_path, "%s/c", x->dir);
	lock_init(&x->lock, RANK_LEAF);
	cond_init(&x->changed);
	x->loop = loop_new(&e);
	x->pool = pool_new("call", 4, &e);
	if (has_containerd)
		start_containerd(x);
	start_proxy(x);
	x->kubelet = grpc_client_new(x->loop, x->kubelet_path, &e);
	assert_int_equal(
	    thread_start(&x->thread, "main", run_loop, x->loop, &e), 0);
	*s = x;
	return 0;
}

static int
open_scene(void **s)
{
	return open_scene_with(s, true);
}

static int
open_alone(void **s)
{
	return open_scene_with(s, false);
}

static int
close_scene(void **s)
{
	struct scene *x = *s;

	loop_stop(x->loop);
	pthread_join(x->thread, NULL);
	pool_free(x->pool);
	grpc_client_free(x->kubelet);
	cri_proxy_free(x->proxy);
	grpc_server_free(x->containerd);
	loop_free(x->loop);
	unlink(x->kubelet_path);
	unlink(x->containerd_path);
	rmdir(x->dir);
	cond_destroy(&x->changed);
	lock_destroy(&x->lock);
	free(x);
	return 0;
}

/* --- kubelet --- */

static void
send_call(struct scene *x, struct asked *q, const char *path,
    const char *message, size_t n)
{
	static const struct grpc_field field = { "traceparent", "00-1" };

	*q = ASKED(x);
	q->call.path = path;
	q->call.metadata = &field;
	q->call.n_metadata = 1;
	q->call.message = message;
	q->call.n = n;
	grpc_client_send(x->kubelet, &q->call);
}

/* image { image: "r.x/a:1" }  auth { username: "me"  password: "secret" } */
static const char with_login[] = "\x0a\x09\x0a\x07"
				 "r.x/a:1"
				 "\x12\x0c\x0a\x02"
				 "me"
				 "\x12\x06"
				 "secret";
static const char without[] = "\x0a\x09\x0a\x07"
			      "r.x/a:1";

static void
a_call_is_forwarded_with_its_bytes_and_fields(void **s)
{
	struct scene *x = *s;
	struct asked q;

	send_call(x, &q, "/any.Service/Method",
	    "\0\xff"
	    "bytes",
	    7);
	assert_int_equal(status_of(&q), GRPC_OK);
	assert_int_equal(q.n, 7);
	assert_memory_equal(q.message,
	    "\0\xff"
	    "bytes",
	    7);
	assert_string_equal(x->story, "/any.Service/Method00-1;");
}

static void
an_error_comes_back_as_it_is(void **s)
{
	struct scene *x = *s;
	struct asked q;

	send_call(x, &q, "/fail", "", 0);
	assert_int_equal(status_of(&q), GRPC_NOT_FOUND);
	assert_string_equal(q.text, "no 100 %");
}

static void
a_credential_is_told_before_the_pull_is_forwarded(void **s)
{
	struct scene *x = *s;
	struct asked q;

	send_call(x, &q, PULL, with_login, sizeof with_login - 1);
	assert_int_equal(status_of(&q), GRPC_OK);
	assert_int_equal(q.n, sizeof with_login - 1);
	assert_memory_equal(q.message, with_login, q.n);
	send_call(x, &q, PULL_ALPHA, with_login, sizeof with_login - 1);
	assert_int_equal(status_of(&q), GRPC_OK);
	assert_string_equal(x->story, "r.x/a:1 ;mesecret;" PULL "00-1;"
				      "r.x/a:1 ;mesecret;" PULL_ALPHA "00-1;");
}

static void
a_pull_without_credential_and_one_that_is_none_are_forwarded(void **s)
{
	struct scene *x = *s;
	struct asked q;

	send_call(x, &q, PULL, without, sizeof without - 1);
	assert_int_equal(status_of(&q), GRPC_OK);
	send_call(x, &q, PULL, "\xff", 1);
	assert_int_equal(status_of(&q), GRPC_OK);
	assert_string_equal(x->story, PULL "00-1;" PULL "00-1;");
}

static void
cancel_first(struct deferred *d)
{
	struct grpc_client_call *call =
	    container_of(d, struct grpc_client_call, start);

	grpc_client_cancel(call);
}

static void
a_call_that_kubelet_gives_up_is_given_up(void **s)
{
	struct scene *x = *s;
	struct asked q;

	send_call(x, &q, "/park", "", 0);
	AWAIT(x, x->parked != NULL);
	q.call.start.run = cancel_first;
	loop_defer(x->loop, &q.call.start);
	assert_int_equal(status_of(&q), GRPC_CANCELLED);
	AWAIT(x, x->is_cancelled);
	grpc_call_finish(x->parked, GRPC_CANCELLED, NULL);
}

static void
a_deadline_is_handed_on(void **s)
{
	struct scene *x = *s;
	struct asked q = ASKED(x);

	q.call.path = "/park";
	q.call.deadline_ns = clock_now_ns() + 2 * NS_PER_S;
	grpc_client_send(x->kubelet, &q.call);
	AWAIT(x, x->parked != NULL);
	assert_true(grpc_call_deadline_ns(x->parked) != 0);
	assert_int_equal(status_of(&q), GRPC_DEADLINE_EXCEEDED);
	AWAIT(x, x->is_cancelled);
	grpc_call_finish(x->parked, GRPC_CANCELLED, NULL);
}

static void
without_containerd_calls_are_unavailable(void **s)
{
	struct scene *x = *s;
	struct asked q;

	send_call(x, &q, PULL, with_login, sizeof with_login - 1);
	assert_int_equal(status_of(&q), GRPC_UNAVAILABLE);
	assert_string_equal(x->story, "r.x/a:1 ;mesecret;");
}

static void
streams_are_not_forwarded(void **s)
{
	struct scene *x = *s;
	struct asked q;

	send_call(
	    x, &q, "/runtime.v1.RuntimeService/GetContainerEvents", "", 0);
	assert_int_equal(status_of(&q), GRPC_UNIMPLEMENTED);
	assert_string_equal(x->story, "");
}

#define IN(open, test) cmocka_unit_test_setup_teardown(test, open, close_scene)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN(open_scene, a_call_is_forwarded_with_its_bytes_and_fields),
		IN(open_scene, an_error_comes_back_as_it_is),
		IN(open_scene,
		    a_credential_is_told_before_the_pull_is_forwarded),
		IN(open_scene,
		    a_pull_without_credential_and_one_that_is_none_are_forwarded),
		IN(open_scene, a_call_that_kubelet_gives_up_is_given_up),
		IN(open_scene, a_deadline_is_handed_on),
		IN(open_alone, without_containerd_calls_are_unavailable),
		IN(open_scene, streams_are_not_forwarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
