#include "registry/inquiry.h"

#include <assert.h>
#include <stdatomic.h>

#include "registry/client.h"
#include "registry/registry.h"
#include "base/awake.h"

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

static bool
is_cancelled(const struct inquiry *q)
{
	return q->is_cancelled != NULL && atomic_load(q->is_cancelled);
}

static void
await_end(struct inquiry *q, struct awake *awake, uint64_t until_ns)
{
	LOCK_SCOPE(&q->lock);

	while (!q->is_done) {
		if (q->is_late) {
			cond_wait(&q->ended, &q->lock);
		} else if (is_cancelled(q) || !cond_wait_awake(&q->ended,
						  &q->lock, awake, until_ns)) {
			q->is_late = true;
			exchange_cancel(&q->exchange);
		}
	}
}

int
inquiry_wait_awake(
    struct inquiry *q, struct awake *awake, uint64_t until_ns, struct err *e)
{
	await_end(q, awake, until_ns);
	cond_destroy(&q->ended);
	lock_destroy(&q->lock);
	if (q->failure.code == 0)
		return 0;
	*e = q->failure;
	return -1;
}

int
inquiry_wait(struct inquiry *q, uint64_t until_ns, struct err *e)
{
	struct awake awake = { 0 };

	return inquiry_wait_awake(q, &awake, awake_until(&awake, until_ns), e);
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
