#include "store/evict.h"

#include <errno.h>
#include <stdlib.h>

#include "store/map_ranges.h"
#include "store/store_private.h"
#include "store/sweep.h"
#include "base/bytes.h"
#include "base/err.h"

enum { LATELY = 256 }; /* of a WHOLE map: a quota's worth of data ago */

/* ---- which maps ---- */

static int
spare_class(struct sweep *w, enum evict_class class, struct err *e)
{
	for (size_t i = 0; i < w->v->n_maps; i++)
		if (w->v->maps[i].class == class &&
		    map_ranges_push(&w->spared, w->v->maps[i].map, e) < 0)
			return -1;
	ranges_normalise(&w->spared);
	return 0;
}

static int
spare_start(struct sweep *w, struct err *e)
{
	for (size_t i = 0; i < w->v->n_start; i++)
		if (ranges_push(&w->spared,
			range_of_bytes(
			    w->v->start[i].data_off, w->v->start[i].len),
			e) < 0)
			return -1;
	ranges_normalise(&w->spared);
	return 0;
}

/* ---- maps that go one after the other ---- */

/* What of a map is nobody else's: own[i] of maps[i], where that is IDLE. */
struct owned {
	struct ranges *own;
	size_t n;
};

static void
owned_release(struct owned *o)
{
	for (size_t i = 0; o->own != NULL && i < o->n; i++)
		ranges_release(&o->own[i]);
	free(o->own);
}

/* What the map names and no one in `spared` does; then it is one of those. */
static int
part_from_spared(
    struct sweep *w, const struct map *m, struct ranges *own, struct err *e)
{
	AUTO_RANGES struct ranges all = { 0 };

	if (map_ranges_push(&all, m, e) < 0)
		return -1;
	map_let_go(m);
	for (size_t i = 0; i < all.n; i++)
		if (ranges_push_outside(own, all.at[i], &w->spared, e) < 0)
			return -1;
	return ranges_add(&w->spared, &all, e);
}

/* From the last map on: what a later one has as well goes with that. */
static int
find_owned(struct sweep *w, struct owned *o, struct err *e)
{
	const struct eviction *v = w->v;

	o->own = calloc(v->n_maps + 1, sizeof *o->own);
	if (o->own == NULL)
		return err_set(e, ENOMEM, "eviction");
	o->n = v->n_maps;
	w->spared.n = 0;
	for (size_t i = 0; i < v->n_maps; i++)
		if (v->maps[i].class != EVICT_IDLE &&
		    map_ranges_push(&w->spared, v->maps[i].map, e) < 0)
			return -1;
	ranges_normalise(&w->spared);
	for (size_t i = v->n_maps; i-- > 0;)
		if (v->maps[i].class == EVICT_IDLE &&
		    part_from_spared(w, v->maps[i].map, &o->own[i], e) < 0)
			return -1;
	w->spared.n = 0;
	return 0;
}

static bool
is_any_present(const struct sweep *w, const struct ranges *own)
{
	for (size_t i = 0; i < own->n; i++)
		if (bits_count(&w->store->present.now, own->at[i]) > 0)
			return true;
	return false;
}

static int
take_own(
    struct sweep *w, struct range r, const struct ranges *own, struct err *e)
{
	for (size_t i = ranges_find(own, r.first);
	     i < own->n && own->at[i].first < r.end; i++) {
		struct range piece = { max_u64(r.first, own->at[i].first),
			min_u64(r.end, own->at[i].end) };

		if (sweep_take(w, piece, e) < 0)
			return -1;
	}
	return 0;
}

/* Of the map's objects what is its own.  is_all: past what is needed, too: half of
 * such a map is worth nothing. */
static int
take_map(struct sweep *w, const struct map *m, const struct ranges *own,
    bool is_all, struct err *e)
{
	for (uint32_t i = 0; i < map_n_objects(m); i++) {
		struct object o;

		if (!is_all && sweep_is_enough(w))
			break;
		map_object(m, i, &o);
		if (take_own(w, range_of_bytes(o.data_off, o.size), own, e) < 0)
			return -1;
	}
	map_let_go(m);
	return sweep_flush(w, e);
}

static int
sweep_idle(struct sweep *w, struct err *e)
{
	const struct eviction *v = w->v;
	CLEANUP(owned_release) struct owned o = { 0 };

	if (find_owned(w, &o, e) < 0)
		return -1;
	for (size_t i = 0; i < v->n_maps && !sweep_is_enough(w); i++) {
		const struct map *m = v->maps[i].map;

		if (is_any_present(w, &o.own[i]) &&
		    take_map(w, m, &o.own[i], store_map_is_whole(m), e) < 0)
			return -1;
	}
	return 0;
}

static uint16_t
age_of_map(const struct sweep *w, const struct map *m)
{
	uint16_t youngest = HEAT_NEVER;

	for (uint32_t i = 0; i < map_n_objects(m); i++) {
		struct object o;
		uint16_t age;

		map_object(m, i, &o);
		age = heat_age(
		    &w->store->heat, range_of_bytes(o.data_off, o.size));
		if (age < youngest)
			youngest = age;
	}
	return youngest;
}

static int
sweep_whole(struct sweep *w, struct err *e)
{
	const struct eviction *v = w->v;
	struct range any = { 0, BITS_BLOCKS };
	const struct ranges all = { .at = &any, .n = 1 };

	w->spared.n = 0;
	if (spare_class(w, EVICT_NEVER, e) < 0)
		return -1;
	for (size_t i = 0; i < v->n_maps && !sweep_is_enough(w); i++) {
		const struct map *m = v->maps[i].map;

		if (v->maps[i].class == EVICT_WHOLE && sweep_has_any(w, m) &&
		    (v->is_full || age_of_map(w, m) > LATELY) &&
		    take_map(w, m, &all, true, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- the least missed of what is in use ---- */

static int
sweep_live(struct sweep *w, bool with_start, struct err *e)
{
	w->spared.n = 0;
	if (spare_class(w, EVICT_NEVER, e) < 0 ||
	    spare_class(w, EVICT_WHOLE, e) < 0 ||
	    (!with_start && spare_start(w, e) < 0))
		return -1;
	return sweep_ages(w, e);
}

/* ---- all of it ---- */

static int
sweep(struct sweep *w, struct err *e)
{
	if (sweep_idle(w, e) < 0)
		return -1;
	if (!sweep_is_enough(w) && sweep_live(w, false, e) < 0)
		return -1;
	if (!sweep_is_enough(w) && w->v->n_start > 0 &&
	    sweep_live(w, true, e) < 0)
		return -1;
	return sweep_is_enough(w) ? 0 : sweep_whole(w, e);
}

int
store_evict(struct store *s, struct eviction *v, struct err *e)
{
	struct sweep w = {
		.store = s,
		.v = v,
		.need = (v->need_bytes + STORE_BLOCK - 1) / STORE_BLOCK,
	};
	int rc = sweep(&w, e);

	v->freed_bytes = w.freed * STORE_BLOCK;
	sweep_release(&w);
	return rc < 0 ? err_wrap(e, "eviction") : 0;
}

void
store_age(struct store *s)
{
	heat_tick(&s->heat);
}

bool
store_map_is_whole(const struct map *m)
{
	struct chunk c;

	/* In the order of the blob they come last. */
	if (map_n_chunks(m) == 0)
		return false;
	map_chunk(m, map_chunk_in_blob_order(m, map_n_chunks(m) - 1), &c);
	return c.codec == CHUNK_STREAM;
}
