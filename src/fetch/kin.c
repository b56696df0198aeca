#include "fetch/kin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

/* Families to look at in each direction, whatever a tree looks like. */
#define REACH 1024

struct family {
	struct kin_keys keys;
	uint32_t first; /* of the members; the next one's ends them */
};

struct kin {
	struct family *families;
	uint32_t *members;
	uint32_t *place; /* of each object among the members; KIN_NONE */
	uint32_t n_objects;
	uint32_t n_families, room;
	uint32_t n_members;
};

struct kin *
kin_new(uint32_t n_objects, struct err *e)
{
	struct kin *k = calloc(1, sizeof *k);

	if (k == NULL)
		goto no_memory;
	k->n_objects = n_objects;
	k->members = calloc((size_t)n_objects + 1, sizeof *k->members);
	k->place = malloc(((size_t)n_objects + 1) * sizeof *k->place);
	if (k->members == NULL || k->place == NULL)
		goto no_memory;
	memset(k->place, 0xff, n_objects * sizeof *k->place);
	return k;
no_memory:
	kin_free(k);
	err_set(e, ENOMEM, "families of %u files", n_objects);
	return NULL;
}

void
kin_free(struct kin *k)
{
	if (k == NULL)
		return;
	free(k->families);
	free(k->members);
	free(k->place);
	free(k);
}

int
kin_begin_family(struct kin *k, const struct kin_keys *keys, struct err *e)
{
	if (k->n_families == k->room) {
		uint32_t room = k->room == 0 ? 256 : 2 * k->room;
		struct family *grown =
		    reallocarray(k->families, room, sizeof *grown);

		if (grown == NULL)
			return err_set(e, ENOMEM, "%u families", room);
		k->families = grown;
		k->room = room;
	}
	k->families[k->n_families++] = (struct family){ *keys, k->n_members };
	return 0;
}

void
kin_add_object(struct kin *k, uint32_t object)
{
	if (object >= k->n_objects || k->place[object] != KIN_NONE)
		return;
	k->place[object] = k->n_members;
	k->members[k->n_members++] = object;
}

static uint32_t
end_of(const struct kin *k, uint32_t family)
{
	return family + 1 < k->n_families ? k->families[family + 1].first
					  : k->n_members;
}

uint32_t
kin_n_families(const struct kin *k)
{
	return k->n_families;
}

void
kin_family(const struct kin *k, uint32_t number, struct kin_family *out)
{
	uint32_t first = k->families[number].first;

	*out = (struct kin_family){ number, k->members + first,
		end_of(k, number) - first };
}

bool
kin_find(const struct kin *k, uint32_t object, struct kin_family *out,
    uint32_t *which)
{
	uint32_t lo = 0, hi = k->n_families, place;

	if (object >= k->n_objects || k->place[object] == KIN_NONE)
		return false;
	place = k->place[object];
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (k->families[mid].first <= place)
			lo = mid;
		else
			hi = mid;
	}
	kin_family(k, lo, out);
	*which = place - k->families[lo].first;
	return true;
}

/* ---- walking ---- */

/* The families around `from`, one on either side in turn; KIN_NONE: outside. */
static uint32_t
at_step(const struct kin *k, uint32_t from, uint32_t step)
{
	uint32_t distance = step / 2 + 1;

	if (step % 2 == 0)
		return distance < k->n_families - from ? from + distance
						       : KIN_NONE;
	return distance <= from ? from - distance : KIN_NONE;
}

static bool
is_cousin(const struct kin_keys *a, const struct kin_keys *b)
{
	return a->grandparent == b->grandparent;
}

static bool
is_niece_or_aunt(const struct kin_keys *a, const struct kin_keys *b)
{
	return a->parent == b->grandparent || a->grandparent == b->parent;
}

static bool
is_in_ring(const struct kin_keys *a, const struct kin_keys *b, unsigned ring)
{
	switch (ring) {
	case KIN_COUSINS:
		return is_cousin(a, b);
	case KIN_NIECES:
		return is_niece_or_aunt(a, b);
	default:
		return a->among == b->among && !is_cousin(a, b);
	}
}

uint32_t
kin_next(const struct kin *k, struct kin_walk *w)
{
	for (; w->ring != KIN_END; w->ring++, w->step = 0)
		while (w->step < 2 * REACH) {
			uint32_t family = at_step(k, w->from, w->step++);

			if (family != KIN_NONE &&
			    is_in_ring(&k->families[w->from].keys,
				&k->families[family].keys, w->ring))
				return family;
		}
	return KIN_NONE;
}
