#include "fetch/plan.h"

#include "registry/source.h"
#include "base/bytes.h"
#include "base/limits.h"

/* What a miss brings along grows with what was wanted of the place before:
 * files are read as folders lie, and a package that had three misses will have
 * more.  The first miss brings 256 KiB, the next twice what is there within 1
 * MiB before and behind, 2 MiB at most; a quarter of it before the miss.
 * Measured with a cold start of python, 100 ms and 100 Mbit/s, seconds and MiB:
 * a fixed 256 KiB behind the miss 24.0 and 22, this 18.1 and 29.  Large files
 * taken along: 16.0 and 41, which is half of the image. */
#define WINDOW_FIRST_BYTES KIB(256)
#define WINDOW_REACH_BYTES MIB(1)
#define WINDOW_GROWTH 2

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
extend_forwards(const struct plan_view *v, uint32_t seed, uint64_t bytes,
    uint64_t start, uint64_t *end)
{
	struct plan_chunk c, tip;
	uint32_t last = seed;

	v->look(v->ctx, seed, &tip);
	for (uint32_t r = seed + 1; r < v->n && r - seed < LOOK_RANKS; r++) {
		v->look(v->ctx, r, &c);
		if (c.blob_len == 0)
			continue;
		if (!shares_range(&tip, &c) &&
		    (c.blob_off > *end + SOURCE_SMALL_GAP ||
			max_u64(*end, end_of(&c)) - start > bytes))
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
extend_backwards(
    const struct plan_view *v, uint32_t seed, uint64_t bytes, uint64_t end)
{
	struct plan_chunk c, tip;
	uint32_t first = seed;

	v->look(v->ctx, seed, &tip);
	for (uint32_t r = seed; r-- > 0 && seed - r < LOOK_RANKS;) {
		v->look(v->ctx, r, &c);
		if (c.blob_len == 0)
			continue;
		if (!shares_range(&tip, &c) &&
		    (end_of(&c) + SOURCE_SMALL_GAP < tip.blob_off ||
			end - c.blob_off > bytes))
			break;
		if (c.state == PLAN_URGENT || shares_range(&tip, &c)) {
			first = r;
			tip = c;
		}
	}
	return first;
}

struct plan_span
plan_run(const struct plan_view *v, uint32_t seed, uint64_t bytes)
{
	struct plan_span s;
	struct plan_chunk c;
	uint64_t end;

	v->look(v->ctx, seed, &c);
	end = end_of(&c);
	s.last = extend_forwards(v, seed, bytes, c.blob_off, &end);
	s.first = extend_backwards(v, seed, bytes, end);
	return s;
}

/* The first or last rank whose chunk lies within reach of the seed's start. */
static uint32_t
reach_backwards(const struct plan_view *v, uint32_t seed, uint64_t reach)
{
	struct plan_chunk c;
	uint64_t start;
	uint32_t r = seed;

	v->look(v->ctx, seed, &c);
	start = c.blob_off;
	while (r > 0 && seed - r < LOOK_RANKS) {
		v->look(v->ctx, r - 1, &c);
		if (c.blob_len > 0 && c.blob_off + reach < start)
			break;
		r--;
	}
	return r;
}

static uint32_t
reach_forwards(const struct plan_view *v, uint32_t seed, uint64_t reach)
{
	struct plan_chunk c;
	uint64_t start;
	uint32_t r = seed;

	v->look(v->ctx, seed, &c);
	start = c.blob_off;
	while (r + 1 < v->n && r - seed < LOOK_RANKS) {
		v->look(v->ctx, r + 1, &c);
		if (c.blob_len > 0 && end_of(&c) > start + reach)
			break;
		r++;
	}
	return r;
}

/* Bytes around the seed that are there, or on their way. */
static uint64_t
bytes_wanted_around(const struct plan_view *v, uint32_t seed)
{
	uint32_t last = reach_forwards(v, seed, WINDOW_REACH_BYTES);
	uint64_t sum = 0, counted = 0;
	struct plan_chunk c;

	for (uint32_t r = reach_backwards(v, seed, WINDOW_REACH_BYTES);
	     r <= last; r++) {
		v->look(v->ctx, r, &c);
		if (c.state == PLAN_ABSENT || end_of(&c) <= counted)
			continue;
		sum += end_of(&c) - max_u64(counted, c.blob_off);
		counted = end_of(&c);
	}
	return sum;
}

struct plan_span
plan_window(const struct plan_view *v, uint32_t seed)
{
	uint64_t bytes = WINDOW_GROWTH * bytes_wanted_around(v, seed);
	uint64_t window =
	    min_u64(max_u64(bytes, WINDOW_FIRST_BYTES), 2 * WINDOW_REACH_BYTES);

	return (struct plan_span){ reach_backwards(v, seed, window / 4),
		reach_forwards(v, seed, window / 4 * 3) };
}

bool
plan_is_small(uint64_t object_size)
{
	return object_size < SMALL_OBJECT_BYTES;
}

uint64_t
plan_readahead(uint64_t before)
{
	return min_u64(before, READAHEAD_BYTES);
}
