#include "base/metrics.h"

#include <stdatomic.h>

#include "base/clock.h"

static _Atomic uint64_t counters[METRIC_COUNT];

static const struct {
	const char *name;
	const char *help;
} table[] = {
#define X(name, help) { #name, help },
	METRICS(X)
#undef X
};

void
metric_add(enum metric m, uint64_t n)
{
	atomic_fetch_add_explicit(&counters[m], n, memory_order_relaxed);
}

uint64_t
metric_get(enum metric m)
{
	return atomic_load_explicit(&counters[m], memory_order_relaxed);
}

const char *
metric_name(enum metric m)
{
	return table[m].name;
}

const char *
metric_help(enum metric m)
{
	return table[m].help;
}

/* ---- how long things took ---- */

const uint64_t timing_ends_ms[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000,
	2000, 5000, 10000, 30000 };

static struct {
	_Atomic uint64_t buckets[TIMING_BUCKETS];
	_Atomic uint64_t total_ns;
} timings[TIMING_COUNT];

static const struct {
	const char *name;
	const char *help;
} timing_table[] = {
#define X(name, help) { #name, help },
	TIMINGS(X)
#undef X
};

void
timing_add(enum timing t, uint64_t took_ns)
{
	int b = 0;

	while (
	    b < TIMING_BUCKETS - 1 && took_ns > timing_ends_ms[b] * NS_PER_MS)
		b++;
	atomic_fetch_add_explicit(
	    &timings[t].buckets[b], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(
	    &timings[t].total_ns, took_ns, memory_order_relaxed);
}

void
timing_get(enum timing t, struct timing_counts *out)
{
	for (int b = 0; b < TIMING_BUCKETS; b++)
		out->buckets[b] = atomic_load_explicit(
		    &timings[t].buckets[b], memory_order_relaxed);
	out->total_ns =
	    atomic_load_explicit(&timings[t].total_ns, memory_order_relaxed);
}

const char *
timing_name(enum timing t)
{
	return timing_table[t].name;
}

const char *
timing_help(enum timing t)
{
	return timing_table[t].help;
}
