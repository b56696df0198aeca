#include "store/share.h"

#include <errno.h>
#include <stdlib.h>

#include "store/map.h"
#include "store/map_ranges.h"
#include "store/store_private.h"
#include "base/err.h"

/* Where a user's piece begins or ends. */
struct border {
	uint64_t block;
	uint32_t user;
	bool is_end;
};

struct borders {
	struct border *at;
	size_t n, cap;
};

static void
borders_release(struct borders *b)
{
	free(b->at);
}

static int
add_border(struct borders *b, struct border x, struct err *e)
{
	if (b->n == b->cap) {
		size_t cap = b->cap == 0 ? 256 : 2 * b->cap;
		struct border *at = reallocarray(b->at, cap, sizeof *at);

		if (at == NULL)
			return err_set(e, ENOMEM, "measuring images");
		b->at = at;
		b->cap = cap;
	}
	b->at[b->n++] = x;
	return 0;
}

/* A user's pieces are joined first: two of its layers are not two users. */
static int
add_user(
    struct borders *b, const struct share *u, uint32_t number, struct err *e)
{
	AUTO_RANGES struct ranges own = { 0 };

	for (size_t i = 0; i < u->n_maps; i++) {
		if (map_ranges_push(&own, u->maps[i], e) < 0)
			return -1;
		map_let_go(u->maps[i]);
	}
	ranges_normalise(&own);
	for (size_t i = 0; i < own.n; i++)
		if (add_border(b,
			(struct border){ own.at[i].first, number, false },
			e) < 0 ||
		    add_border(b,
			(struct border){ own.at[i].end, number, true }, e) < 0)
			return -1;
	return 0;
}

static int
compare_borders(const void *a, const void *b)
{
	const struct border *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return (int)y->is_end - (int)x->is_end;
}

/* Who has the blocks that lie between two borders. */
struct crowd {
	struct share *users;
	uint32_t *inside; /* the users, in no order */
	uint32_t n;
};

static void
credit(struct store *s, struct crowd *c, struct range r)
{
	uint64_t bytes;

	if (c->n == 0 || r.first == r.end)
		return;
	bytes = bits_count(&s->present.now, r) * STORE_BLOCK;
	if (c->n == 1) {
		c->users[c->inside[0]].own_bytes += bytes;
		return;
	}
	for (uint32_t i = 0; i < c->n; i++)
		c->users[c->inside[i]].shared_bytes += bytes;
}

static void
cross(struct crowd *c, const struct border *b)
{
	uint32_t i = 0;

	if (!b->is_end) {
		c->inside[c->n++] = b->user;
		return;
	}
	while (c->inside[i] != b->user)
		i++;
	c->inside[i] = c->inside[--c->n];
}

int
store_measure_shares(
    struct store *s, struct share *users, size_t n, struct err *e)
{
	CLEANUP(borders_release) struct borders b = { 0 };
	AUTO_FREE uint32_t *inside = calloc(n + 1, sizeof *inside);
	struct crowd c = { users, inside, 0 };

	if (inside == NULL)
		return err_set(e, ENOMEM, "measuring images");
	for (size_t i = 0; i < n; i++) {
		users[i].own_bytes = users[i].shared_bytes = 0;
		if (add_user(&b, &users[i], i, e) < 0)
			return -1;
	}
	if (b.n > 0)
		qsort(b.at, b.n, sizeof *b.at, compare_borders);
	for (size_t i = 0; i < b.n; i++) {
		if (i > 0)
			credit(s, &c,
			    (struct range){ b.at[i - 1].block, b.at[i].block });
		cross(&c, &b.at[i]);
	}
	return 0;
}
