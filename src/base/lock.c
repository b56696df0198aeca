#include "base/lock.h"

#include <assert.h>
#include <errno.h>

#include "base/bytes.h"
#include "base/clock.h"

/* Which ranks this thread holds, a bit each. */
static _Thread_local uint32_t held;

void
lock_init(struct lock *l, enum lock_rank rank)
{
	assert(pthread_mutex_init(&l->mutex, NULL) == 0);
	l->rank = rank;
}

void
lock_destroy(struct lock *l)
{
	pthread_mutex_destroy(&l->mutex);
}

void
lock_acquire(struct lock *l)
{
	assert(held >> l->rank == 0);
	assert(pthread_mutex_lock(&l->mutex) == 0);
	held |= 1u << l->rank;
}

void
lock_release(struct lock *l)
{
	held &= ~(1u << l->rank);
	assert(pthread_mutex_unlock(&l->mutex) == 0);
}

void
cond_init(struct cond *c)
{
	pthread_condattr_t a;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	assert(pthread_cond_init(&c->c, &a) == 0);
	pthread_condattr_destroy(&a);
}

void
cond_destroy(struct cond *c)
{
	pthread_cond_destroy(&c->c);
}

void
cond_signal(struct cond *c)
{
	pthread_cond_signal(&c->c);
}

void
cond_broadcast(struct cond *c)
{
	pthread_cond_broadcast(&c->c);
}

void
cond_wait(struct cond *c, struct lock *l)
{
	assert(pthread_cond_wait(&c->c, &l->mutex) == 0);
}

bool
cond_wait_until(struct cond *c, struct lock *l, uint64_t until_ns)
{
	struct timespec t = { until_ns / NS_PER_S, until_ns % NS_PER_S };
	int rc = pthread_cond_timedwait(&c->c, &l->mutex, &t);

	assert(rc == 0 || rc == ETIMEDOUT);
	return rc == 0;
}

bool
cond_wait_awake(
    struct cond *c, struct lock *l, struct awake *a, uint64_t until_ns)
{
	uint64_t now_ns = clock_now_ns(), at_ns = awake_look(a, now_ns);

	if (at_ns >= until_ns)
		return false;
	cond_wait_until(
	    c, l, now_ns + min_u64(until_ns - at_ns, AWAKE_TICK_NS));
	return true;
}
