#include "store/sweep.h"

#include "store/store_private.h"
#include "base/bytes.h"
#include "base/err.h"

enum { BATCH_RANGES = 1024 }; /* dropped at once: one sync of durable bits */

#define BATCH_BLOCKS (MIB(256) / STORE_BLOCK)

void
sweep_release(struct sweep *w)
{
	ranges_release(&w->spared);
	ranges_release(&w->batch);
}

bool
sweep_is_enough(const struct sweep *w)
{
	return w->freed + w->batch_blocks >= w->need;
}

int
sweep_flush(struct sweep *w, struct err *e)
{
	uint64_t dropped = 0;
	int rc;

	ranges_normalise(&w->batch);
	rc = present_evict(
	    &w->store->present, w->store->data, &w->batch, &dropped, e);
	w->freed += dropped;
	w->batch_blocks = 0;
	w->batch.n = 0;
	return rc;
}

uint64_t
sweep_count_open(const struct sweep *w, struct range r)
{
	const struct bits *now = &w->store->present.now;
	uint64_t n = 0;

	for (size_t i = ranges_find(&w->spared, r.first);
	     i < w->spared.n && w->spared.at[i].first < r.end; i++) {
		if (r.first < w->spared.at[i].first)
			n += bits_count(now,
			    (struct range){ r.first, w->spared.at[i].first });
		r.first = min_u64(w->spared.at[i].end, r.end);
	}
	return r.first < r.end ? n + bits_count(now, r) : n;
}

int
sweep_take(struct sweep *w, struct range r, struct err *e)
{
	uint64_t n = sweep_count_open(w, r);

	if (n == 0)
		return 0;
	if (ranges_push_outside(&w->batch, r, &w->spared, e) < 0)
		return -1;
	w->batch_blocks += n;
	if (w->batch.n < BATCH_RANGES && w->batch_blocks < BATCH_BLOCKS)
		return 0;
	return sweep_flush(w, e);
}

bool
sweep_has_any(const struct sweep *w, const struct map *m)
{
	return store_map_present(w->store, m) > 0;
}
