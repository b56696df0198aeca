#include "store/edge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

/* Bytes [from, to) of a block. */
struct span {
	uint16_t from, to;
};

enum { FIRST_SPANS = 2 };

struct edge {
	struct hnode node;
	struct list link;
	uint64_t block;
	struct span *spans; /* sorted, no two meet */
	uint16_t n, cap;
};

void
edges_init(struct edges *t)
{
	*t = (struct edges){ .max = EDGES_MAX, .max_spans = EDGE_SPANS_MAX };
	list_init(&t->by_age);
}

static void
forget(struct edges *t, struct edge *g)
{
	hmap_remove(&t->by_block, &g->node);
	list_remove(&g->link);
	t->n_spans -= g->n;
	free(g->spans);
	free(g);
}

void
edges_release(struct edges *t)
{
	list_for_each_safe(l, &t->by_age)
		forget(t, list_entry(l, struct edge, link));
	hmap_release(&t->by_block);
}

static struct edge *
find_edge(const struct edges *t, uint64_t block)
{
	hmap_for_each_match(&t->by_block, hash_u64(block), n) {
		struct edge *g = container_of(n, struct edge, node);

		if (g->block == block)
			return g;
	}
	return NULL;
}

static struct edge *
find_or_make_edge(struct edges *t, uint64_t block)
{
	struct edge *g = find_edge(t, block);

	if (g != NULL)
		return g;
	g = calloc(1, sizeof *g);
	if (g == NULL)
		return NULL;
	g->block = block;
	hmap_insert(&t->by_block, &g->node, hash_u64(block));
	list_push_back(&t->by_age, &g->link);
	return g;
}

static bool
reserve_span(struct edge *g)
{
	unsigned cap = g->cap == 0 ? FIRST_SPANS : 2 * g->cap;
	struct span *spans;

	if (g->n < g->cap)
		return true;
	spans = reallocarray(g->spans, cap, sizeof *spans);
	if (spans == NULL)
		return false;
	g->spans = spans;
	g->cap = cap;
	return true;
}

/* Puts the span in its place and joins it with those that it meets. */
static void
insert_span(struct edge *g, struct span x)
{
	unsigned first = 0, last;

	while (first < g->n && g->spans[first].to < x.from)
		first++;
	for (last = first; last < g->n && g->spans[last].from <= x.to; last++) {
		if (g->spans[last].from < x.from)
			x.from = g->spans[last].from;
		if (g->spans[last].to > x.to)
			x.to = g->spans[last].to;
	}
	memmove(&g->spans[first + 1], &g->spans[last],
	    (g->n - last) * sizeof *g->spans);
	g->spans[first] = x;
	g->n = g->n - (last - first) + 1;
}

bool
edges_add(struct edges *t, uint64_t block, unsigned from, unsigned to)
{
	struct edge *g = find_or_make_edge(t, block);
	bool is_whole;

	assert(from < to && to <= STORE_BLOCK);
	if (g == NULL)
		return false;
	if (reserve_span(g)) {
		t->n_spans -= g->n;
		insert_span(g, (struct span){ from, to });
		t->n_spans += g->n;
	}
	is_whole =
	    g->n == 1 && g->spans[0].from == 0 && g->spans[0].to == STORE_BLOCK;
	if (is_whole)
		forget(t, g);
	while (t->by_block.count > t->max || t->n_spans > t->max_spans)
		forget(t, list_entry(t->by_age.next, struct edge, link));
	return is_whole;
}

bool
edges_has(const struct edges *t, uint64_t block, unsigned from, unsigned to)
{
	const struct edge *g = find_edge(t, block);

	for (unsigned i = 0; g != NULL && i < g->n; i++)
		if (g->spans[i].from <= from && to <= g->spans[i].to)
			return true;
	return false;
}

void
edges_drop(struct edges *t, struct range r)
{
	if (r.end - r.first > t->by_block.count) {
		list_for_each_safe(l, &t->by_age) {
			struct edge *g = list_entry(l, struct edge, link);

			if (g->block >= r.first && g->block < r.end)
				forget(t, g);
		}
		return;
	}
	for (uint64_t block = r.first; block < r.end; block++) {
		struct edge *g = find_edge(t, block);

		if (g != NULL)
			forget(t, g);
	}
}
