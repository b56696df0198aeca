/* Ranked mutexes.  A thread may lock only a rank above every one that it holds,
 * which makes deadlock by lock order impossible; lock() asserts it.  Nothing
 * blocks (no I/O, no wait for another thread) under a lock, except waiting on
 * its own condition.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/awake.h"
#include "base/cleanup.h"

/* Outermost first. */
enum lock_rank {
	RANK_DAEMON = 1, /* mounts, images, jobs */
	RANK_IMAGE,      /* one image's or layer's state */
	RANK_MOUNT,      /* the FUSE sessions */
	RANK_EARLY,      /* bytes that came before their map */
	RANK_FETCH,      /* in-flight chunks, queues */
	RANK_SOURCE,     /* one registry client: tokens, hosts */
	RANK_SUPERVISOR, /* the worker's end of the socketpair */
	RANK_HTTP,       /* the curl thread's inbox */
	RANK_OBJECTS,    /* store: object table, allocation */
	RANK_PRESENT,    /* store: bits, edges */
	RANK_DB,         /* sqlite */
	RANK_POOL,       /* work queues */
	RANK_LOOP,       /* event loop's inbox */
	RANK_LEAF,       /* anything that locks nothing further */
};

struct lock {
	pthread_mutex_t mutex;
	enum lock_rank rank;
};

/* A condition that waits on the monotonic clock. */
struct cond {
	pthread_cond_t c;
};

void lock_init(struct lock *l, enum lock_rank rank);
void lock_destroy(struct lock *l);
void lock_acquire(struct lock *l);
void lock_release(struct lock *l);

void cond_init(struct cond *c);
void cond_destroy(struct cond *c);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);
void cond_wait(struct cond *c, struct lock *l);
/* False when the monotonic clock passed until_ns. */
bool cond_wait_until(struct cond *c, struct lock *l, uint64_t until_ns);
/* For a loop with patience: waits for a tick at most; false, without waiting, when the
 * caller's own clock has reached until_ns. */
bool cond_wait_awake(
    struct cond *c, struct lock *l, struct awake *a, uint64_t until_ns);

static inline struct lock *
lock_enter_(struct lock *l)
{
	lock_acquire(l);
	return l;
}

static inline void
lock_leave_(struct lock **l)
{
	lock_release(*l);
}

/* Holds the lock to the end of the enclosing block. */
#define LOCK_SCOPE(l)                                       \
	CLEANUP(lock_leave_)                                \
	struct lock *CAT(lock_, __LINE__) = lock_enter_(l); \
	(void)CAT(lock_, __LINE__)

#endif
