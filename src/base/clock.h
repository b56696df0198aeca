/* Durations come from the monotonic clock; the wall clock is for display and
 * for credentials only. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

static inline uint64_t
clock_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Since 1970. */
static inline int64_t
clock_wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * (int64_t)NS_PER_S + t.tv_nsec;
}

/* Seconds since 1970. */
static inline int64_t
clock_wall_s(void)
{
	return time(NULL);
}

#endif
