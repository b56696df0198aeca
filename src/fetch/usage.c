#include "fetch/usage.h"

#include <stdio.h>
#include <string.h>

#include "fetch/demand.h"
#include "fetch/fetcher.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/metrics.h"

static bool
is_read(const struct demand *d)
{
	return d->priority == SOURCE_NOW && !d->outlives_failure;
}

void
usage_note_trouble(struct blob *b, unsigned origin, const struct err *why)
{
	struct blob_usage *past = &b->past;

	past->failed_ns = clock_now_ns();
	snprintf(
	    past->why, sizeof past->why, "%.*s", USAGE_WHY_SIZE - 1, why->msg);
	/* One that was just closed has none any more. */
	if (origin < b->n_origins)
		snprintf(past->host, sizeof past->host, "%s",
		    b->origins[origin].link->peer);
}

void
usage_note_answer(struct blob *b, unsigned origin, const struct err *failure)
{
	struct blob_usage *past = &b->past;

	if (failure == NULL) {
		past->answered_ns = clock_now_ns();
		past->failing_since_s = 0;
		return;
	}
	if (past->failing_since_s == 0)
		past->failing_since_s = clock_wall_s();
	usage_note_trouble(b, origin, failure);
}

void
usage_note_wait(const struct demand *d)
{
	uint64_t took = clock_now_ns() - d->since_ns;

	if (!is_read(d))
		return;
	d->blob->past.waits++;
	d->blob->past.waited_ns += took;
	timing_add(TIMING_read_wait, took);
}

/* Of one blob, or of all. */
static void
add_waiting(struct fetcher *f, const struct blob *only, uint64_t *waiting,
    uint64_t *oldest_ns)
{
	uint64_t now = clock_now_ns();

	list_for_each(l, &f->demands) {
		const struct demand *d = list_entry(l, struct demand, link);

		if (!is_read(d) || (only != NULL && d->blob != only))
			continue;
		++*waiting;
		*oldest_ns = max_u64(*oldest_ns, now - d->since_ns);
	}
}

static bool
is_failing(const struct blob *b)
{
	if (b->n_origins == 0)
		return false;
	for (unsigned i = 0; i < b->n_origins; i++)
		if (b->origins[i].failures == 0)
			return false;
	return true;
}

static void
add_failure(const struct blob *b, struct blob_usage *sum)
{
	const struct blob_usage *past = &b->past;

	if (is_failing(b) && (sum->failing_since_s == 0 ||
				 past->failing_since_s < sum->failing_since_s))
		sum->failing_since_s = past->failing_since_s;
	if (past->failed_ns >= sum->failed_ns) {
		memcpy(sum->why, past->why, sizeof sum->why);
		memcpy(sum->host, past->host, sizeof sum->host);
	}
	sum->failed_ns = max_u64(sum->failed_ns, past->failed_ns);
	sum->answered_ns = max_u64(sum->answered_ns, past->answered_ns);
	if (sum->answered_ns > sum->failed_ns) {
		sum->failing_since_s = 0;
		sum->why[0] = sum->host[0] = 0;
	}
}

void
blob_add_usage(struct blob *b, struct blob_usage *sum)
{
	LOCK_SCOPE(&b->fetcher->lock);

	sum->requests += b->past.requests;
	sum->bytes += b->past.bytes;
	sum->waits += b->past.waits;
	sum->waited_ns += b->past.waited_ns;
	add_waiting(b->fetcher, b, &sum->waiting, &sum->oldest_wait_ns);
	add_failure(b, sum);
}

void
fetcher_get_usage(struct fetcher *f, struct fetcher_usage *out)
{
	memset(out, 0, sizeof *out);
	LOCK_SCOPE(&f->lock);
	for (int p = 0; p < PRIORITIES; p++) {
		out->running[p] = f->running[p];
		list_for_each(l, &f->queue[p])
			out->queued[p]++;
	}
	list_for_each(l, &f->resting)
		out->resting++;
	list_for_each(l, &f->blobs)
		out->coming += list_entry(l, struct blob, link)->inflight.count;
	out->coming -= out->resting;
	add_waiting(f, NULL, &out->waiting, &out->oldest_wait_ns);
}
