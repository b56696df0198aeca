#include "store/space.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "store/bits.h"
#include "base/bytes.h"
#include "base/err.h"

void
space_init(struct space *s)
{
	*s = (struct space){ 0 };
}

void
space_release(struct space *s)
{
	ranges_release(&s->named);
	ranges_release(&s->gaps);
}

/* A gap loses what is named in it: gaps[i] keeps the part before, the part
 * behind is lost to this process.  Happens only when a map names what nobody
 * was given. */
static void
take_from_gaps(struct space *s, struct range r)
{
	for (size_t i = ranges_find(&s->gaps, r.first); i < s->gaps.n; i++) {
		struct range *gap = &s->gaps.at[i];

		if (gap->first >= r.end)
			return;
		if (gap->first < r.first)
			gap->end = r.first;
		else
			gap->first = min_u64(r.end, gap->end);
	}
}

int
space_name(struct space *s, struct range r, struct err *e)
{
	s->end = max_u64(s->end, r.end);
	if (!s->is_loaded)
		return ranges_push(&s->named, r, e);
	take_from_gaps(s, r);
	return 0;
}

int
space_find_gaps(struct space *s, struct ranges *gaps, struct err *e)
{
	uint64_t free_from = 0;

	assert(!s->is_loaded);
	ranges_normalise(&s->named);
	for (size_t i = 0; i < s->named.n; i++) {
		struct range gap = { free_from, s->named.at[i].first };

		if (gap.first < gap.end && ranges_push(gaps, gap, e) < 0)
			return -1;
		free_from = s->named.at[i].end;
	}
	return 0;
}

void
space_load(struct space *s, struct ranges *gaps)
{
	assert(!s->is_loaded);
	ranges_release(&s->named);
	s->gaps = *gaps;
	*gaps = (struct ranges){ 0 };
	s->is_loaded = true;
}

int
space_take(struct space *s, uint64_t blocks, uint64_t *first, struct err *e)
{
	assert(s->is_loaded);
	for (size_t i = 0; i < s->gaps.n; i++) {
		struct range *gap = &s->gaps.at[i];

		if (gap->end - gap->first < blocks)
			continue;
		*first = gap->first;
		gap->first += blocks;
		return 0;
	}
	if (blocks > BITS_BLOCKS - s->end)
		return err_set(e, ENOSPC,
		    "no addresses left for %" PRIu64
		    " blocks; what was removed gives its own back when "
		    "layerfsd is reloaded",
		    blocks);
	*first = s->end;
	s->end += blocks;
	return 0;
}
