/* A pool of threads that run tasks: highest priority first, first come first
 * served within one.  Tasks are embedded in what they work on; a task belongs
 * to the pool from pool_submit() until its `run` is called, which may free it.
 * Any thread may submit, also from within a task.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/list.h"

struct err;
struct pool;

enum { POOL_PRIORITIES = 3 }; /* 0 goes first */

struct task {
	struct list link;
	void (*run)(struct task *self);
};

struct pool *pool_new(const char *name, unsigned threads, struct err *e);

/* Runs what is queued, then ends the threads.  Nobody may submit any more. */
void pool_free(struct pool *p);

void pool_submit(struct pool *p, struct task *t, unsigned priority);

#endif
