/* A client's half of a test of gRPC: calls that are waited for, and the socket and
 * the thread of who answers.  Only test_*.c and scene.c include it.
 *
 * `x` is what the test shares with the loop's thread: a struct with `lock` and
 * `changed` (base/test_await.h).
 */
#ifndef NET_ASKED_H
#define NET_ASKED_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "net/grpc_client.h"
#include "base/loop.h"
#include "base/test_await.h"

struct asked {
	struct lock *lock;
	struct cond *changed;
	struct grpc_client_call call;
	bool is_done; /* under the lock */
	int status;
	char text[128];
	char message[64];
	size_t n; /* of the answer, all of it */
};

static inline void
on_answer(struct grpc_client_call *call, const struct grpc_answer *a)
{
	struct asked *q = container_of(call, struct asked, call);
	LOCK_SCOPE(q->lock);

	q->status = a->status;
	q->n = a->n;
	snprintf(q->text, sizeof q->text, "%s", a->text);
	if (a->n > 0)
		memcpy(q->message, a->message,
		    a->n < sizeof q->message ? a->n : sizeof q->message);
	q->is_done = true;
	cond_broadcast(q->changed);
}

#define ASKED(x)                       \
	((struct asked){               \
	    .lock = &(x)->lock,        \
	    .changed = &(x)->changed,  \
	    .call.on_done = on_answer, \
	})

/* Waits for it. */
static inline int
status_of(struct asked *q)
{
	uint64_t until_ns = clock_now_ns() + PATIENCE_S * NS_PER_S;
	bool is_late = false;

	lock_acquire(q->lock);
	while (!q->is_done && !is_late)
		is_late = !cond_wait_until(q->changed, q->lock, until_ns);
	lock_release(q->lock);
	assert_false(is_late);
	return q->status;
}

static inline int
open_listener(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	assert_return_code(bind(fd, (struct sockaddr *)&a, sizeof a), errno);
	assert_return_code(listen(fd, 16), errno);
	return fd;
}

/* A thread's. */
static inline void *
run_loop(void *loop)
{
	struct err e = ERR_INIT;

	assert_int_equal(loop_run(loop, &e), 0);
	return NULL;
}

#endif
