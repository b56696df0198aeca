#include "fetch/gather.h"

#include <string.h>

#include "fetch/fetcher.h"
#include "fetch/inflight.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"

/* Larger requests gain nothing (one round trip against 0.3 s of 100 Mbit/s),
 * and hold memory and a slot while others wait. */
#define RUN_BYTES MIB(4)

/* For so long after a miss the next one is expected. */
#define READING_NS (2 * NS_PER_S)

/* Of what a start reads many requests share the link, each no more than it carries
 * in a round trip: with larger ones the last is still on its way, alone and slowly,
 * when all others have ended.  With smaller ones the registry has more to do. */
#define ORDERED_MIN_BYTES KIB(512)
#define ORDERED_MAX_BYTES MIB(1)

/* Records of the queue that are looked at for one request. */
#define LOOK_RECORDS 256

/* ---- which chunks ---- */

/* Background work rides on nobody else's request: it has a budget. */
static enum plan_state
record_state(const struct gathered *g, const struct inflight *i)
{
	if (i->state != INFLIGHT_QUEUED || (i->tried & 1u << g->origin) != 0 ||
	    (i->priority == SOURCE_IDLE && g->seed->priority != SOURCE_IDLE))
		return PLAN_THERE;
	return i->priority <= g->seed->priority ? PLAN_URGENT : PLAN_QUEUED;
}

static void
look(void *ctx, uint32_t rank, struct plan_chunk *out)
{
	const struct gathered *g = ctx;
	const struct map *m = g->blob->map;
	uint32_t number = map_chunk_in_blob_order(m, rank);
	const struct inflight *i = inflight_find(g->blob, number);
	struct chunk c;

	map_chunk(m, number, &c);
	*out = (struct plan_chunk){
		.blob_off = c.blob_off,
		.blob_len = chunk_codec_has_range(c.codec) ? c.blob_len : 0,
		.state = PLAN_THERE,
	};
	if (i != NULL)
		out->state = record_state(g, i);
	else if (out->blob_len > 0 && inflight_is_absent(g->blob, number))
		out->state = PLAN_ABSENT;
}

bool
gather_wants(const struct gathered *g, uint32_t rank)
{
	struct plan_chunk c;

	look((void *)g, rank, &c);
	return c.blob_len > 0 && c.state != PLAN_THERE &&
	       (c.state != PLAN_ABSENT || !g->is_trial);
}

/* ---- how many ---- */

/* While somebody reads, a large file comes on several connections at once: one
 * alone is as slow as TCP's slow start. */
static uint64_t
most_bytes(const struct gathered *g)
{
	const struct blob *b = g->blob;
	uint64_t bubble = link_bubble(b->origins[g->origin].link);

	if (b->ordered > 0)
		return min_u64(
		    max_u64(bubble, ORDERED_MIN_BYTES), ORDERED_MAX_BYTES);
	if (b->guess.left_bytes == 0 ||
	    clock_now_ns() - b->fetcher->read_ns >= READING_NS)
		return RUN_BYTES;
	return min_u64(max_u64(bubble / 2, KIB(256)), RUN_BYTES);
}

/* ---- spans ---- */

static bool
has_rank(const struct gathered *g, uint32_t rank)
{
	for (unsigned i = 0; i < g->n; i++)
		if (rank >= g->spans[i].first && rank <= g->spans[i].last)
			return true;
	return false;
}

/* In their order; those that meet become one. */
static void
add_span(struct gathered *g, struct plan_span s)
{
	unsigned at = 0, end;

	while (at < g->n && g->spans[at].last < s.first)
		at++;
	for (end = at; end < g->n && g->spans[end].first <= s.last; end++) {
		s.first = min_u64(s.first, g->spans[end].first);
		s.last = max_u64(s.last, g->spans[end].last);
	}
	memmove(
	    &g->spans[at + 1], &g->spans[end], (g->n - end) * sizeof *g->spans);
	g->spans[at] = s;
	g->n = g->n - (end - at) + 1;
}

/* Around the rank; *left is what more the request may bring. */
static void
add_around(struct gathered *g, uint32_t rank, uint64_t *left)
{
	struct plan_view v = { map_n_chunks(g->blob->map), look, g };
	struct plan_span s = plan_run(&v, rank, *left);
	struct plan_chunk first, last;

	look(g, s.first, &first);
	look(g, s.last, &last);
	*left -= min_u64(*left, last.blob_off + last.blob_len - first.blob_off);
	add_span(g, s);
}

/* What was asked for next, so that it comes in the order in which it is read: what
 * lies next to the seed may be read last. */
static void
add_others(struct gathered *g, uint64_t left)
{
	const struct list *queue = &g->blob->fetcher->queue[g->seed->priority];
	unsigned looked = 0;

	list_for_each(l, queue) {
		const struct inflight *i = list_entry(l, struct inflight, link);
		struct plan_chunk c;
		uint32_t rank;

		if (g->n == GATHER_SPANS || ++looked > LOOK_RECORDS)
			return;
		if (i->blob != g->blob)
			continue;
		rank = map_blob_rank(g->blob->map, i->number);
		look(g, rank, &c);
		if (c.state == PLAN_URGENT && c.blob_len > 0 &&
		    c.blob_len <= left && !has_rank(g, rank))
			add_around(g, rank, &left);
	}
}

void
gather(struct gathered *g, const struct inflight *seed, unsigned origin)
{
	const struct link *peer = seed->blob->origins[origin].link;
	enum source_parts parts = link_parts(peer, clock_now_ns());
	bool may_have_parts = seed->priority == SOURCE_SOON &&
			      seed->blob->ordered == 0 &&
			      seed->chunk.codec != CHUNK_SPAN;
	uint64_t left;

	*g = (struct gathered){
		.blob = seed->blob, .seed = seed, .origin = origin
	};
	g->is_trial =
	    may_have_parts && parts == SOURCE_PARTS_UNKNOWN && !peer->is_tried;
	left = most_bytes(g);
	add_around(g, map_blob_rank(seed->blob->map, seed->number), &left);
	if (may_have_parts && parts == SOURCE_PARTS_GIVEN)
		add_others(g, left);
}
