#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/lock.h"

struct watch {
	struct list link; /* in watches, or in removed until the round ends */
	struct loop *loop;
	int fd;
	bool is_removed;
	void (*on_ready)(void *ctx, uint32_t ready);
	void *ctx;
};

struct timer {
	struct loop *loop;
	size_t at; /* where it is in the heap */
	uint64_t at_ns;
	void (*on_time)(void *ctx);
	void *ctx;
};

struct loop {
	int epoll;
	int wake; /* eventfd: the inbox has something, or it is to stop */
	struct list watches;
	struct list removed;
	struct timer **heap; /* the earliest first */
	size_t n_timers;
	size_t cap_timers;
	atomic_bool is_stopping;

	struct lock lock; /* guards what follows */
	struct list inbox;
	bool is_closed;
};

static int
loop_init(struct loop *l, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epoll < 0 || l->wake < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake, &ev) < 0)
		return err_sys(e, "event loop");
	return 0;
}

struct loop *
loop_new(struct err *e)
{
	struct loop *l = calloc(1, sizeof *l);

	if (l == NULL) {
		err_set(e, ENOMEM, "event loop");
		return NULL;
	}
	list_init(&l->watches);
	list_init(&l->removed);
	list_init(&l->inbox);
	lock_init(&l->lock, RANK_LOOP);
	if (loop_init(l, e) < 0) {
		loop_free(l);
		return NULL;
	}
	return l;
}

static void
free_watches(struct list *watches)
{
	struct list *link;

	while ((link = list_pop_front(watches)) != NULL)
		free(list_entry(link, struct watch, link));
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	free_watches(&l->watches);
	free_watches(&l->removed);
	for (size_t i = 0; i < l->n_timers; i++)
		free(l->heap[i]);
	free(l->heap);
	cleanup_close(&l->wake);
	cleanup_close(&l->epoll);
	lock_destroy(&l->lock);
	free(l);
}

/* --- watches --- */

struct watch *
loop_watch(struct loop *l, int fd, uint32_t events,
    void (*on_ready)(void *ctx, uint32_t ready), void *ctx, struct err *e)
{
	struct watch *w = calloc(1, sizeof *w);
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (w == NULL) {
		err_set(e, ENOMEM, "watch descriptor %d", fd);
		return NULL;
	}
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		err_sys(e, "watch descriptor %d", fd);
		free(w);
		return NULL;
	}
	*w = (struct watch){
		.loop = l, .fd = fd, .on_ready = on_ready, .ctx = ctx
	};
	list_push_back(&l->watches, &w->link);
	return w;
}

void
watch_set_events(struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	assert(!w->is_removed);
	/* Only a descriptor closed before its watch can fail here. */
	assert(epoll_ctl(w->loop->epoll, EPOLL_CTL_MOD, w->fd, &ev) == 0);
}

/* The round that is being dispatched may hold an event of it still, so its
 * memory goes at the round's end. */
void
watch_remove(struct watch *w)
{
	assert(!w->is_removed);
	w->is_removed = true;
	epoll_ctl(w->loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	list_remove(&w->link);
	list_push_back(&w->loop->removed, &w->link);
}

/* --- timers: a binary heap --- */

static void
heap_put(struct loop *l, size_t at, struct timer *t)
{
	l->heap[at] = t;
	t->at = at;
}

static void
heap_up(struct loop *l, size_t at, struct timer *t)
{
	for (; at > 0 && t->at_ns < l->heap[(at - 1) / 2]->at_ns;
	     at = (at - 1) / 2)
		heap_put(l, at, l->heap[(at - 1) / 2]);
	heap_put(l, at, t);
}

static void
heap_down(struct loop *l, size_t at, struct timer *t)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < l->n_timers &&
		    l->heap[child + 1]->at_ns < l->heap[child]->at_ns)
			child++;
		if (child >= l->n_timers || t->at_ns <= l->heap[child]->at_ns)
			break;
		heap_put(l, at, l->heap[child]);
		at = child;
	}
	heap_put(l, at, t);
}

struct timer *
loop_at(struct loop *l, uint64_t at_ns, void (*on_time)(void *ctx), void *ctx,
    struct err *e)
{
	struct timer *t = malloc(sizeof *t);

	if (t != NULL && l->n_timers == l->cap_timers) {
		size_t cap = l->cap_timers ? 2 * l->cap_timers : 16;
		struct timer **heap =
		    reallocarray(l->heap, cap, sizeof(struct timer *));

		if (heap != NULL) {
			l->heap = heap;
			l->cap_timers = cap;
		}
	}
	if (t == NULL || l->n_timers == l->cap_timers) {
		free(t);
		err_set(e, ENOMEM, "timer");
		return NULL;
	}
	*t = (struct timer){
		.loop = l, .at_ns = at_ns, .on_time = on_time, .ctx = ctx
	};
	heap_up(l, l->n_timers++, t);
	return t;
}

void
timer_cancel(struct timer *t)
{
	struct loop *l = t->loop;
	struct timer *last = l->heap[--l->n_timers];

	if (last != t) {
		heap_up(l, t->at, last);
		heap_down(l, last->at, last);
	}
	free(t);
}

/* Milliseconds to the earliest timer, rounded up; -1 when there is none. */
static int
wait_ms(const struct loop *l)
{
	uint64_t now, ms;

	if (l->n_timers == 0)
		return -1;
	now = clock_now_ns();
	if (l->heap[0]->at_ns <= now)
		return 0;
	ms = (l->heap[0]->at_ns - now - 1) / NS_PER_MS + 1;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static void
run_timers(struct loop *l)
{
	uint64_t now = clock_now_ns();

	while (l->n_timers > 0 && l->heap[0]->at_ns <= now) {
		struct timer t = *l->heap[0];

		timer_cancel(l->heap[0]);
		t.on_time(t.ctx);
	}
}

/* --- other threads --- */

static void
wake(struct loop *l)
{
	/* Fails only when a wake-up is pending 2^64 times. */
	(void)!eventfd_write(l->wake, 1);
}

void
loop_defer(struct loop *l, struct deferred *d)
{
	bool was_empty;

	lock_acquire(&l->lock);
	was_empty = list_is_empty(&l->inbox);
	if (!l->is_closed)
		list_push_back(&l->inbox, &d->link);
	lock_release(&l->lock);
	if (was_empty)
		wake(l);
}

void
loop_close(struct loop *l)
{
	LOCK_SCOPE(&l->lock);
	l->is_closed = true;
	list_init(&l->inbox);
}

void
loop_stop(struct loop *l)
{
	atomic_store(&l->is_stopping, true);
	wake(l);
}

static void
run_deferred(struct loop *l)
{
	struct list batch, *link;

	lock_acquire(&l->lock);
	list_take_all(&batch, &l->inbox);
	lock_release(&l->lock);
	while ((link = list_pop_front(&batch)) != NULL) {
		struct deferred *d = list_entry(link, struct deferred, link);

		d->run(d);
	}
}

/* --- the loop --- */

static void
run_events(struct loop *l, const struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		struct watch *w = events[i].data.ptr;
		eventfd_t ignored;

		if (w == NULL) {
			(void)!eventfd_read(l->wake, &ignored);
			run_deferred(l);
		} else if (!w->is_removed) {
			w->on_ready(w->ctx, events[i].events);
		}
	}
	free_watches(&l->removed);
}

int
loop_run(struct loop *l, struct err *e)
{
	struct epoll_event events[64];

	while (!atomic_exchange(&l->is_stopping, false)) {
		int n = epoll_wait(l->epoll, events, 64, wait_ms(l));

		if (n < 0 && errno != EINTR)
			return err_sys(e, "event loop");
		run_events(l, events, n);
		run_timers(l);
	}
	return 0;
}
