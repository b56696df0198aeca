/* For a test that has threads: what it shares with them is a struct with `lock` and
 * `changed`, by which it is told and waits.  Only test_*.c includes it. */
#ifndef BASE_TEST_AWAIT_H
#define BASE_TEST_AWAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/test.h"

enum { PATIENCE_S = 20 };

/* Waits until the condition holds; under the lock. */
#define AWAIT(x, condition)                                               \
	do {                                                              \
		uint64_t until_ = clock_now_ns() + PATIENCE_S * NS_PER_S; \
		bool is_late_ = false;                                    \
		lock_acquire(&(x)->lock);                                 \
		while (!(condition) && !is_late_)                         \
			is_late_ = !cond_wait_until(                      \
			    &(x)->changed, &(x)->lock, until_);           \
		lock_release(&(x)->lock);                                 \
		assert_false(is_late_);                                   \
	} while (0)

/* Under the lock, and says so. */
#define CHANGE(x, statement)                   \
	do {                                   \
		LOCK_SCOPE(&(x)->lock);        \
		statement;                     \
		cond_broadcast(&(x)->changed); \
	} while (0)

#endif
