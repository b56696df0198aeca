#include "base/metrics.h"

#include <stdatomic.h>

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
