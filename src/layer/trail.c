#include "layer/trail.h"

#include <stdlib.h>

#include "store/store.h"
#include "base/bytes.h"
#include "base/limits.h"

/* More than a profile may have of each: objects are told apart later. */
enum { TRAIL_RANGES = LIMIT_PROFILE_ENTRIES, TRAIL_GROUPS = 1 << 15 };

enum { GROUP_BLOCKS = 64 };

struct group {
	struct hnode node;
	uint64_t number;
	uint64_t bits;
};

void
trail_release(struct trail *t)
{
	struct hnode *n;

	while ((n = hmap_any(&t->seen)) != NULL) {
		hmap_remove(&t->seen, n);
		free(container_of(n, struct group, node));
	}
	hmap_release(&t->seen);
	free(t->ranges);
	*t = (struct trail){ 0 };
}

static struct group *
find_group(struct trail *t, uint64_t number)
{
	struct group *g;

	hmap_for_each_match(&t->seen, hash_u64(number), n) {
		g = container_of(n, struct group, node);
		if (g->number == number)
			return g;
	}
	if (t->seen.count >= TRAIL_GROUPS || (g = calloc(1, sizeof *g)) == NULL)
		return NULL;
	g->number = number;
	hmap_insert(&t->seen, &g->node, hash_u64(number));
	return g;
}

static bool
is_news(struct trail *t, uint64_t block)
{
	struct group *g = find_group(t, block / GROUP_BLOCKS);
	uint64_t bit = UINT64_C(1) << block % GROUP_BLOCKS;

	if (g == NULL || (g->bits & bit) != 0)
		return false;
	g->bits |= bit;
	return true;
}

static bool
append(struct trail *t, uint64_t data_off)
{
	struct trail_range *last = &t->ranges[t->n - 1], *grown;

	if (t->n > 0 && last->data_off + last->len == data_off) {
		last->len += STORE_BLOCK;
		return true;
	}
	if (t->n == TRAIL_RANGES)
		return false;
	if (t->n == t->room) {
		size_t room = t->room == 0 ? 256 : 2 * t->room;

		grown = reallocarray(t->ranges, room, sizeof *grown);
		if (grown == NULL)
			return false;
		t->ranges = grown;
		t->room = room;
	}
	t->ranges[t->n++] = (struct trail_range){ data_off, STORE_BLOCK };
	return true;
}

bool
trail_note(struct trail *t, uint64_t data_off, uint64_t len)
{
	uint64_t end = data_off + len;
	bool any = false;

	for (uint64_t at = align_down(data_off, STORE_BLOCK); at < end;
	     at += STORE_BLOCK)
		if (is_news(t, at / STORE_BLOCK))
			any = append(t, at) || any;
	return any;
}
