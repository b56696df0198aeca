#include "registry/inquiry.h"

#include <assert.h>
#include <stdatomic.h>

#include "registry/client.h"
#include "registry/registry.h"
#include "base/clock.h"

enum { POLL_MS = 200 };

static void
wake(struct exchange *x, const struct err *failure)
{
	struct inquiry *q = container_of(x, struct inquiry, exchange);

	if (failure != NULL)
		q->failure = *failure;
	LOCK_SCOPE(&q->lock);
	exchange_forget(x);
	q->is_done = true;
	cond_signal(&q->ended);
}

void
inquiry_init(
    struct inquiry *q, const struct repository *at, size_t document_max)
{
	*q = (struct inquiry){ .exchange = { .registry = at->registry,
				   .namespace = at->host,
				   .repository = at->path,
				   .class = HTTP_URGENT,
				   .on_done = wake } };
	buf_init(&q->exchange.document, document_max);
}

void
inquiry_start(struct inquiry *q)
{
	assert(!http_is_own_thread(q->exchange.registry->http));
	lock_init(&q->lock, RANK_SOURCE);
	cond_init(&q->ended);
	exchange_start(&q->exchange);
}

/* With the lock held: it is time to end it. */
static bool
is_due(const struct inquiry *q, uint64_t until_ns)
{
	if (q->is_cancelled != NULL && atomic_load(q->is_cancelled))
		return true;
	return until_ns != UINT64_MAX && clock_now_ns() >= until_ns;
}

static void
wait_a_while(struct inquiry *q, uint64_t until_ns)
{
	if (q->is_cancelled != NULL)
		until_ns =
		    min_u64(until_ns, clock_now_ns() + POLL_MS * NS_PER_MS);
	if (until_ns == UINT64_MAX || q->is_late)
		cond_wait(&q->ended, &q->lock);
	else
		cond_wait_until(&q->ended, &q->lock, until_ns);
}

static void
await_end(struct inquiry *q, uint64_t until_ns)
{
	LOCK_SCOPE(&q->lock);
	while (!q->is_done) {
		if (!q->is_late && is_due(q, until_ns)) {
			q->is_late = true;
			exchange_cancel(&q->exchange);
		}
		wait_a_while(q, until_ns);
	}
}

int
inquiry_wait(struct inquiry *q, uint64_t until_ns, struct err *e)
{
	await_end(q, until_ns);
	cond_destroy(&q->ended);
	lock_destroy(&q->lock);
	if (q->failure.code == 0)
		return 0;
	*e = q->failure;
	return -1;
}

void
inquiry_cancel(struct inquiry *q)
{
	LOCK_SCOPE(&q->lock);
	if (!q->is_done)
		exchange_cancel(&q->exchange);
}

int
inquiry_ask(const struct repository *at, const struct inquiry_plain *p,
    struct buf *answer, struct err *e)
{
	struct inquiry q;
	int rc;

	inquiry_init(&q, at, p->answer_max);
	q.is_cancelled = p->is_cancelled;
	q.exchange.needs = HOST_PUSH;
	q.exchange.method = p->method;
	q.exchange.path = p->path;
	q.exchange.what = p->what;
	inquiry_start(&q);
	rc = inquiry_wait(&q, UINT64_MAX, e);
	*answer = q.exchange.document;
	return rc;
}
