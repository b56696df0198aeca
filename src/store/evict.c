#include "store/evict.h"

#include <errno.h>
#include <stdlib.h>

#include "store/map_ranges.h"
#include "store/store_private.h"
#include "base/bytes.h"
#include "base/err.h"

enum {
	BATCH_RANGES = 1024, /* dropped at once: one sync of durable bits */
	AGES = 1024,         /* told apart; older ones are equal */
	LATELY = 256,        /* of a WHOLE map: a quota's worth of data ago */
};

#define RUN_BYTES MIB(1)
#define BATCH_BLOCKS (MIB(256) / STORE_BLOCK)

/* An eviction under way. */
struct sweep {
	struct store *store;
	const struct eviction *v;
	struct ranges spared; /* normal: not in this phase */
	struct ranges batch;
	uint64_t batch_blocks; /* of it, present */
	uint64_t need, freed;  /* blocks */
};

static void
sweep_release(struct sweep *w)
{
	ranges_release(&w->spared);
	ranges_release(&w->batch);
}

static bool
is_enough(const struct sweep *w)
{
	return w->freed + w->batch_blocks >= w->need;
}

static int
flush(struct sweep *w, struct err *e)
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

/* What of the blocks is not spared: how many are present. */
static uint64_t
count_open(const struct sweep *w, struct range r)
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

static int
take(struct sweep *w, struct range r, struct err *e)
{
	uint64_t n = count_open(w, r);

	if (n == 0)
		return 0;
	if (ranges_push_outside(&w->batch, r, &w->spared, e) < 0)
		return -1;
	w->batch_blocks += n;
	if (w->batch.n < BATCH_RANGES && w->batch_blocks < BATCH_BLOCKS)
		return 0;
	return flush(w, e);
}

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

		if (take(w, piece, e) < 0)
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

		if (!is_all && is_enough(w))
			break;
		map_object(m, i, &o);
		if (take_own(w, range_of_bytes(o.data_off, o.size), own, e) < 0)
			return -1;
	}
	map_let_go(m);
	return flush(w, e);
}

static int
sweep_idle(struct sweep *w, struct err *e)
{
	const struct eviction *v = w->v;
	CLEANUP(owned_release) struct owned o = { 0 };

	if (find_owned(w, &o, e) < 0)
		return -1;
	for (size_t i = 0; i < v->n_maps && !is_enough(w); i++) {
		const struct map *m = v->maps[i].map;

		if (is_any_present(w, &o.own[i]) &&
		    take_map(w, m, &o.own[i], store_map_is_whole(m), e) < 0)
			return -1;
	}
	return 0;
}

static bool
is_present(const struct sweep *w, const struct map *m)
{
	return store_map_present(w->store, m) > 0;
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
	for (size_t i = 0; i < v->n_maps && !is_enough(w); i++) {
		const struct map *m = v->maps[i].map;

		if (v->maps[i].class == EVICT_WHOLE && is_present(w, m) &&
		    (v->is_full || age_of_map(w, m) > LATELY) &&
		    take_map(w, m, &all, true, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- chunks by age ---- */

/* Chunks of one object that stand beside each other and go together.  A block
 * that one of them shares with a chunk that stays, stays. */
struct run {
	uint64_t data_off, size; /* the object's */
	uint64_t from, to;       /* of it; from == to: none */
	bool has_gone_before;    /* the chunk before it went just now */
};

static struct range
blocks_of_run(const struct run *r)
{
	uint64_t first = r->has_gone_before
			     ? align_down(r->data_off + r->from, STORE_BLOCK)
			     : align_up(r->data_off + r->from, STORE_BLOCK);
	uint64_t end = r->to == r->size
			   ? align_up(r->data_off + r->to, STORE_BLOCK)
			   : align_down(r->data_off + r->to, STORE_BLOCK);

	return (struct range){ first / STORE_BLOCK,
		max_u64(first, end) / STORE_BLOCK };
}

/* Chunks by the age of what they touch. */
struct ageing {
	struct sweep *sweep;
	uint64_t blocks[AGES]; /* present, by age */
	uint16_t oldest;       /* taken from here on */
	int (*each)(struct ageing *a, const struct object *o,
	    const struct chunk *c, uint16_t age, struct err *e);
	struct run run;
	uint64_t gone_to; /* the end of the last run that was taken */
};

static int
end_run(struct ageing *a, struct err *e)
{
	struct run r = a->run;

	a->run = (struct run){ 0 };
	if (r.from >= r.to)
		return 0;
	a->gone_to = r.data_off + r.to;
	return take(a->sweep, blocks_of_run(&r), e);
}

static int
walk_object(struct ageing *a, const struct map *m, const struct object *o,
    struct err *e)
{
	for (uint32_t k = 0; k < o->n_chunks; k++) {
		struct chunk c;
		uint16_t age;

		map_chunk(m, o->first_chunk + k, &c);
		age = heat_age(&a->sweep->store->heat,
		    range_of_bytes(o->data_off + c.object_off, c.len));
		if (age >= AGES)
			age = AGES - 1;
		if (a->each(a, o, &c, age, e) < 0)
			return -1;
	}
	return 0;
}

static int
walk_live(struct ageing *a, struct err *e)
{
	const struct eviction *v = a->sweep->v;

	for (size_t i = 0; i < v->n_maps; i++) {
		const struct map *m = v->maps[i].map;

		if (v->maps[i].class != EVICT_LIVE || !is_present(a->sweep, m))
			continue;
		for (uint32_t k = 0; k < map_n_objects(m); k++) {
			struct object o;

			map_object(m, k, &o);
			if (walk_object(a, m, &o, e) < 0)
				return -1;
		}
		map_let_go(m);
	}
	return end_run(a, e);
}

static int
count_chunk(struct ageing *a, const struct object *o, const struct chunk *c,
    uint16_t age, struct err *e)
{
	(void)e;
	a->blocks[age] += count_open(
	    a->sweep, range_of_bytes(o->data_off + c->object_off, c->len));
	return 0;
}

static int
take_chunk(struct ageing *a, const struct object *o, const struct chunk *c,
    uint16_t age, struct err *e)
{
	struct run *r = &a->run;
	bool is_next = r->from < r->to && r->data_off == o->data_off &&
		       r->to == c->object_off;

	if (age < a->oldest || is_enough(a->sweep))
		return end_run(a, e);
	if (!is_next) {
		if (end_run(a, e) < 0)
			return -1;
		*r = (struct run){ .data_off = o->data_off,
			.size = o->size,
			.from = c->object_off,
			.has_gone_before =
			    o->data_off + c->object_off == a->gone_to };
	}
	r->to = c->object_off + c->len;
	/* Short enough that too much is not taken. */
	return r->to - r->from >= RUN_BYTES ? end_run(a, e) : 0;
}

/* The youngest age that still has to go. */
static uint16_t
choose_age(const struct ageing *a)
{
	uint64_t blocks = 0, need = a->sweep->need - a->sweep->freed;
	uint16_t age = AGES;

	while (age > 0 && blocks < need)
		blocks += a->blocks[--age];
	return age;
}

/* The chosen age and everything older, older ones first. */
static int
sweep_ages(struct sweep *w, struct err *e)
{
	AUTO_FREE struct ageing *a = calloc(1, sizeof *a);
	uint16_t youngest;

	if (a == NULL)
		return err_set(e, ENOMEM, "eviction");
	a->sweep = w;
	a->each = count_chunk;
	if (walk_live(a, e) < 0)
		return -1;
	youngest = choose_age(a);
	a->each = take_chunk;
	a->oldest = youngest + 1;
	if (walk_live(a, e) < 0 || flush(w, e) < 0)
		return -1;
	a->oldest = youngest;
	return walk_live(a, e) < 0 || flush(w, e) < 0 ? -1 : 0;
}

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
	if (!is_enough(w) && sweep_live(w, false, e) < 0)
		return -1;
	if (!is_enough(w) && w->v->n_start > 0 && sweep_live(w, true, e) < 0)
		return -1;
	return is_enough(w) ? 0 : sweep_whole(w, e);
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
