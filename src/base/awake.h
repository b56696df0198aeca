/* How long somebody was awake: the monotonic clock as it is seen by who looks every
 * AWAKE_TICK_NS.  From one look to the next no more than AWAKE_MOST_NS passes: while
 * the machine stood still (a VM that is moved, a frozen control group, SIGSTOP)
 * nobody could be heard, and who waits for an answer has not waited.
 *
 * Looks that a busy machine makes late count for less than they are, and never for
 * nothing: n ms are over after n / 500 of them, however late they come.
 *
 * For patience alone.  What holds in the world (a token, Retry-After, a host's rest)
 * goes by clock_now_ns().  Times of two of these clocks do not compare.  One that is
 * all zeros is ready.
 */
#ifndef BASE_AWAKE_H
#define BASE_AWAKE_H

#include "base/clock.h"

#define AWAKE_TICK_NS (250 * NS_PER_MS)
#define AWAKE_MOST_NS (500 * NS_PER_MS)

struct awake {
	uint64_t at_ns;   /* never 0 once it was looked at */
	uint64_t seen_ns; /* the last look, of the monotonic clock */
	uint64_t lost_ns; /* that did not count, in all */
};

static inline uint64_t
awake_look(struct awake *a, uint64_t now_ns)
{
	uint64_t passed = now_ns - a->seen_ns;
	uint64_t counts = passed < AWAKE_MOST_NS ? passed : AWAKE_MOST_NS;

	a->at_ns += counts;
	a->lost_ns += passed - counts;
	a->seen_ns = now_ns;
	return a->at_ns;
}

static inline uint64_t
awake_now_ns(struct awake *a)
{
	return awake_look(a, clock_now_ns());
}

/* A time of the monotonic clock, should nothing stand still before it; UINT64_MAX:
 * never. */
static inline uint64_t
awake_until(struct awake *a, uint64_t until_ns)
{
	uint64_t now_ns = clock_now_ns(), at_ns = awake_look(a, now_ns);

	if (until_ns == UINT64_MAX)
		return UINT64_MAX;
	return until_ns > now_ns ? at_ns + (until_ns - now_ns) : at_ns;
}

#endif
