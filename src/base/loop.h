/* An event loop on epoll: descriptors, timers, and calls from other threads.
 * Everything but loop_defer() and loop_stop() is for the loop's own thread;
 * callbacks run there, one at a time, and may add or remove anything,
 * themselves included.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdint.h>

#include "base/list.h"

struct err;
struct loop;
struct watch;
struct timer;

/* Embedded in what is deferred; belongs to the loop until `run` is called. */
struct deferred {
	struct list link;
	void (*run)(struct deferred *self);
};

struct loop *loop_new(struct err *e);
/* Watches, timers and deferred calls that are left are dropped, not run. */
void loop_free(struct loop *l);

/* Runs until loop_stop(). */
int loop_run(struct loop *l, struct err *e);
void loop_stop(struct loop *l);

/* `events` and `ready` are EPOLLIN and friends; level triggered.  The
 * descriptor stays the caller's, and must outlive the watch. */
struct watch *loop_watch(struct loop *l, int fd, uint32_t events,
    void (*on_ready)(void *ctx, uint32_t ready), void *ctx, struct err *e);
void watch_set_events(struct watch *w, uint32_t events);
void watch_remove(struct watch *w);

/* Calls once at or after the monotonic time; the timer is gone when called. */
struct timer *loop_at(struct loop *l, uint64_t at_ns,
    void (*on_time)(void *ctx), void *ctx, struct err *e);
void timer_cancel(struct timer *t);

/* Any thread: runs d->run on the loop's thread soon. */
void loop_defer(struct loop *l, struct deferred *d);

/* It does not run again: what was deferred and did not run, and what will be
 * deferred, is not the loop's any more and may be freed.  For who takes down what
 * other threads still defer. */
void loop_close(struct loop *l);

#endif
