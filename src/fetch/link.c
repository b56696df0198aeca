#include "fetch/link.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"

/* A rate is measured over so long at least: a burst out of somebody's buffer is
 * faster than the link. */
#define MEASURE_NS (100 * NS_PER_MS)

/* As registry/origins.c has it for the host itself. */
#define REFUSED_NS (600 * NS_PER_S)

/* Each measurement that is worse takes a part of the difference: what was best
 * is forgotten after some dozens. */
#define FORGET 16

#define SAMPLES 32

#define BUBBLE_MIN KIB(64)
#define BUBBLE_MAX MIB(8)
#define BUBBLE_UNKNOWN KIB(512)

/* A request that brings so much shows a rate by itself. */
#define BURST_BYTES KIB(128)

/* Beyond two bubbles: room to find out that the link carries more.  What is
 * measured with n bytes in flight is n a round trip at most. */
#define PROBE_BYTES KIB(256)

/* What is guessed is decompressed and digested too, by cores that the workload
 * may want: on a fast link with a short way that costs more than it saves. */
#define GUESS_BYTES_PER_S MIB(16)

/* Bubbles of credit that may be saved up: what is guessed after the last reader
 * has got its bytes. */
#define CREDIT_BUBBLES 2

struct link *
links_find(struct links *l, const char *source_name)
{
	size_t n = strcspn(source_name, "/");
	struct link *found;

	n = min_u64(n, LINK_PEER_BYTES - 1);
	for (unsigned i = 0; i < LINKS_MAX; i++)
		if (strncmp(l->all[i].peer, source_name, n) == 0 &&
		    l->all[i].peer[n] == 0)
			return &l->all[i];
	found = &l->all[l->next++ % LINKS_MAX];
	/* Whoever still has it goes on with a stranger's figures: its count of
	 * flying bytes stays right. */
	*found = (struct link){ .flying_bytes = found->flying_bytes };
	memcpy(found->peer, source_name, n);
	return found;
}

void
link_note_parts(struct link *l, enum source_parts shown, uint64_t now_ns)
{
	if (shown == SOURCE_PARTS_UNKNOWN)
		return;
	l->parts = shown;
	l->parts_until_ns = now_ns + REFUSED_NS;
}

enum source_parts
link_parts(const struct link *l, uint64_t now_ns)
{
	return l->parts == SOURCE_PARTS_REFUSED && l->parts_until_ns <= now_ns
		   ? SOURCE_PARTS_UNKNOWN
		   : l->parts;
}

/* The shortest of the last SAMPLES to 2 * SAMPLES: a busy machine's own delays
 * are no part of the way. */
static void
learn_round_trip(struct link *l, uint64_t ns)
{
	if (l->samples++ % SAMPLES == 0) {
		l->before_ns = l->shortest_ns;
		l->shortest_ns = ns;
	}
	l->shortest_ns = min_u64(l->shortest_ns, ns);
	l->round_trip_ns = l->before_ns == 0
			       ? l->shortest_ns
			       : min_u64(l->shortest_ns, l->before_ns);
}

static uint64_t
rate_of(uint64_t bytes, uint64_t ns)
{
	return (uint64_t)((double)bytes * NS_PER_S / ns);
}

static void
learn_rate(struct link *l, uint64_t bytes, uint64_t ns)
{
	uint64_t rate = rate_of(bytes, ns);

	if (rate > l->bytes_per_s)
		l->bytes_per_s = rate;
	else
		l->bytes_per_s -= (l->bytes_per_s - rate) / FORGET;
}

void
link_learn(struct link *l, const struct link_times *t)
{
	if (t->bytes == 0 || t->first_ns <= t->asked_ns)
		return;
	if (t->bytes >= BURST_BYTES && t->end_ns > t->first_ns)
		l->bytes_per_s = max_u64(
		    l->bytes_per_s, rate_of(t->bytes, t->end_ns - t->first_ns));
	learn_round_trip(l, t->first_ns - t->asked_ns);
	if (l->since_ns == 0 || t->asked_ns > l->since_ns + MEASURE_NS) {
		l->since_ns = t->first_ns;
		l->since_bytes = 0;
	}
	l->since_bytes += t->bytes;
	if (t->end_ns < l->since_ns + MEASURE_NS)
		return;
	learn_rate(l, l->since_bytes, t->end_ns - l->since_ns);
	l->since_ns = t->end_ns;
	l->since_bytes = 0;
}

uint64_t
link_bubble(const struct link *l)
{
	double bytes = (double)l->bytes_per_s * l->round_trip_ns / NS_PER_S;

	if (l->bytes_per_s == 0)
		return BUBBLE_UNKNOWN;
	return max_u64(
	    BUBBLE_MIN, bytes >= BUBBLE_MAX ? BUBBLE_MAX : (uint64_t)bytes);
}

uint64_t
link_room(const struct link *l)
{
	uint64_t most = 2 * link_bubble(l) + PROBE_BYTES;

	return most > l->flying_bytes ? most - l->flying_bytes : 0;
}

uint64_t
link_allowance(const struct link *l)
{
	double bytes = (double)GUESS_BYTES_PER_S * l->round_trip_ns / NS_PER_S;

	if (bytes >= BUBBLE_MAX)
		return link_bubble(l);
	return min_u64(link_bubble(l), (uint64_t)bytes);
}

void
link_add_credit(struct link *l)
{
	uint64_t more = link_allowance(l);

	l->credit_bytes =
	    min_u64(l->credit_bytes + more, CREDIT_BUBBLES * more);
}

void
link_spend_credit(struct link *l, uint64_t bytes)
{
	l->credit_bytes -= min_u64(bytes, l->credit_bytes);
}
