#include "fetch/plan.h"

#include "base/bytes.h"
#include "base/limits.h"

/* Bytes between two wanted chunks that are cheaper to read than to ask twice
 * for: at 100 Mbit/s, 64 KiB take 5 ms, less than any round trip that matters.
 */
#define GAP_BYTES KIB(64)

/* Larger requests gain nothing (one round trip against 0.3 s of 100 Mbit/s),
 * and hold memory and a slot while others wait. */
#define RUN_BYTES MIB(4)

/* What a miss on a small file brings along: files are read as folders lie, a
 * package's modules one after the other.  256 KiB cost about two round trips of
 * 10 ms at 100 Mbit/s. */
#define NEIGHBOUR_BYTES KIB(256)

/* A large file beside a small one is not wanted because the small one is:
 * libraries and archives lie among sources. */
#define SMALL_OBJECT_BYTES KIB(128)

/* The window of a sequential reader doubles up to this, as the kernel's does.
 */
#define READAHEAD_BYTES MIB(4)

/* Ranks to look at for one request, whatever a map looks like. */
#define LOOK_RANKS 4096

static uint64_t
end_of(const struct plan_chunk *c)
{
	return c->blob_off + c->blob_len;
}

static bool
is_wanted(const struct plan_chunk *c)
{
	return c->state == PLAN_QUEUED || c->state == PLAN_URGENT;
}

/* Several chunks of one compressed range: decoding it gives all of them. */
static bool
shares_range(const struct plan_chunk *a, const struct plan_chunk *b)
{
	return a->blob_off == b->blob_off && a->blob_len == b->blob_len &&
	       b->state != PLAN_THERE;
}

static uint32_t
extend_forwards(
    const struct plan_view *v, uint32_t seed, uint64_t start, uint64_t *end)
{
	struct plan_chunk c, tip;
	uint32_t last = seed;

	v->look(v->ctx, seed, &tip);
	for (uint32_t r = seed + 1; r < v->n && r - seed < LOOK_RANKS; r++) {
		v->look(v->ctx, r, &c);
		if (c.blob_len == 0)
			continue;
		if (c.blob_off > *end + GAP_BYTES ||
		    max_u64(*end, end_of(&c)) - start > RUN_BYTES)
			break;
		if (is_wanted(&c) || shares_range(&tip, &c)) {
			last = r;
			tip = c;
			*end = max_u64(*end, end_of(&c));
		}
	}
	return last;
}

/* Only over what is as urgent: the seed's reader waits for whatever comes
 * first. */
static uint32_t
extend_backwards(const struct plan_view *v, uint32_t seed, uint64_t end)
{
	struct plan_chunk c, tip;
	uint32_t first = seed;

	v->look(v->ctx, seed, &tip);
	for (uint32_t r = seed; r-- > 0 && seed - r < LOOK_RANKS;) {
		v->look(v->ctx, r, &c);
		if (c.blob_len == 0)
			continue;
		if (end_of(&c) + GAP_BYTES < tip.blob_off ||
		    end - c.blob_off > RUN_BYTES)
			break;
		if (c.state == PLAN_URGENT || shares_range(&tip, &c)) {
			first = r;
			tip = c;
		}
	}
	return first;
}

struct plan_span
plan_run(const struct plan_view *v, uint32_t seed)
{
	struct plan_span s;
	struct plan_chunk c;
	uint64_t end;

	v->look(v->ctx, seed, &c);
	end = end_of(&c);
	s.last = extend_forwards(v, seed, c.blob_off, &end);
	s.first = extend_backwards(v, seed, end);
	return s;
}

bool
plan_is_small(uint64_t object_size)
{
	return object_size < SMALL_OBJECT_BYTES;
}

uint32_t
plan_neighbours(const struct plan_view *v, uint32_t rank)
{
	struct plan_chunk c;
	uint32_t last = rank;
	uint64_t start;

	v->look(v->ctx, rank, &c);
	start = c.blob_off;
	for (uint32_t r = rank + 1; r < v->n && r - rank < LOOK_RANKS; r++) {
		v->look(v->ctx, r, &c);
		if (c.blob_len == 0)
			continue;
		if (!plan_is_small(c.object_size) || c.blob_off < start ||
		    end_of(&c) - start > NEIGHBOUR_BYTES)
			break;
		last = r;
	}
	return last;
}

uint64_t
plan_readahead(uint64_t before)
{
	return min_u64(before, READAHEAD_BYTES);
}
