/* Chunks of what is in use, by age. */
#include <stdlib.h>

#include "store/store_private.h"
#include "store/sweep.h"
#include "base/bytes.h"
#include "base/err.h"

enum { AGES = 1024 }; /* told apart; older ones are equal */

#define RUN_BYTES MIB(1)

/* A chunk, and whether those beside it are there: a block that it shares with one
 * stays then. */
struct place {
	const struct object *object;
	struct chunk chunk;
	uint16_t age;
	bool has_before, has_after;
};

/* Chunks of one object that stand beside each other and go together. */
struct run {
	uint64_t data_off; /* the object's */
	uint64_t from, to; /* of it; from == to: none */
	bool has_before, has_after;
};

static struct range
blocks_of_run(const struct run *r)
{
	uint64_t from = r->data_off + r->from, to = r->data_off + r->to;
	uint64_t first = r->has_before ? align_up(from, STORE_BLOCK)
				       : align_down(from, STORE_BLOCK);
	uint64_t end = r->has_after ? align_down(to, STORE_BLOCK)
				    : align_up(to, STORE_BLOCK);

	return (struct range){ first / STORE_BLOCK,
		max_u64(first, end) / STORE_BLOCK };
}

static struct run
run_of(const struct place *p)
{
	return (struct run){
		.data_off = p->object->data_off,
		.from = p->chunk.object_off,
		.to = p->chunk.object_off + p->chunk.len,
		.has_before = p->has_before,
		.has_after = p->has_after,
	};
}

/* Chunks by the age of what they touch. */
struct ageing {
	struct sweep *sweep;
	uint64_t blocks[AGES]; /* present, by age */
	uint16_t oldest;       /* taken from here on */
	int (*each)(struct ageing *a, const struct place *p, struct err *e);
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
	return sweep_take(a->sweep, blocks_of_run(&r), e);
}

static struct range
blocks_of_chunk(const struct object *o, const struct chunk *c)
{
	return range_of_bytes(o->data_off + c->object_off, c->len);
}

static bool
is_there(const struct ageing *a, const struct object *o, const struct chunk *c)
{
	struct range r = blocks_of_chunk(o, c);

	return bits_count(&a->sweep->store->present.now, r) == r.end - r.first;
}

static int
walk_object(struct ageing *a, const struct map *m, const struct object *o,
    struct err *e)
{
	struct place p = { .object = o };
	struct chunk next;
	bool is_here = false;

	for (uint32_t k = 0; k < o->n_chunks; k++, p.has_before = is_here) {
		bool is_last = k + 1 == o->n_chunks;

		if (k == 0) {
			map_chunk(m, o->first_chunk, &next);
			p.has_after = is_there(a, o, &next);
		}
		is_here = p.has_after;
		p.chunk = next;
		if (!is_last)
			map_chunk(m, o->first_chunk + k + 1, &next);
		p.has_after = !is_last && is_there(a, o, &next);
		p.age = min_u64(heat_age(&a->sweep->store->heat,
				    blocks_of_chunk(o, &p.chunk)),
		    AGES - 1);
		if (a->each(a, &p, e) < 0)
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

		if (v->maps[i].class != EVICT_LIVE ||
		    !sweep_has_any(a->sweep, m))
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

/* What would go if it went alone: of blocks that it shares with one that is there
 * nobody knows yet. */
static int
count_chunk(struct ageing *a, const struct place *p, struct err *e)
{
	struct run alone = run_of(p);

	(void)e;
	a->blocks[p->age] += sweep_count_open(a->sweep, blocks_of_run(&alone));
	return 0;
}

static int
take_chunk(struct ageing *a, const struct place *p, struct err *e)
{
	struct run next = run_of(p), *r = &a->run;
	bool goes_on = r->from < r->to && r->data_off == next.data_off &&
		       r->to == next.from;

	if (p->age < a->oldest || sweep_is_enough(a->sweep))
		return end_run(a, e);
	if (goes_on) {
		r->to = next.to;
		r->has_after = next.has_after;
	} else {
		if (end_run(a, e) < 0)
			return -1;
		if (next.data_off + next.from == a->gone_to)
			next.has_before = false;
		*r = next;
	}
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
int
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
	if (walk_live(a, e) < 0 || sweep_flush(w, e) < 0)
		return -1;
	a->oldest = youngest;
	return walk_live(a, e) < 0 || sweep_flush(w, e) < 0 ? -1 : 0;
}
