#include "fetch/guess.h"

#include <stdlib.h>

#include "fetch/fetcher.h"
#include "fetch/inflight.h"
#include "fetch/kin.h"
#include "fetch/link.h"
#include "fetch/plan.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/metrics.h"

/* What a spot grows by at a time: a request's worth, so that a reader that
 * misses meanwhile waits for little. */
#define PORTION_BYTES KIB(256)

#define LEAST_BYTES KIB(4)

/* Kin of what was missed come along up to this size, in the blob. */
#define KIN_BYTES KIB(256)

/* What a file costs that is read here and there: so many round trips. */
#define MISSES 4

/* What comes of a file while the way is not known: the program, mostly. */
#define UNKNOWN_BYTES MIB(4)

/* A folder with more of a kind is one of everything: all libraries, all
 * programs.  Who reads one of them says nothing of the others. */
#define CROWD_BYTES MIB(6)

/* A spot is as old as if it had grown so much with each younger one: readers
 * are where they missed last. */
#define AGE_BYTES KIB(128)

/* Spots that turn out to have nothing to give, before the fetch thread does
 * something else. */
#define TRIES 8

/* Of a spot's growth at a time: chunks or files to look at. */
#define STEPS 1024

/* Of a family: all of it was asked for; a spot began there. */
#define IS_ASKED 1
#define IS_SPOT 2

void
guess_set_kin(struct guess *g, struct kin *take)
{
	uint8_t *families = calloc(kin_n_families(take) + 1, 1);

	if (families == NULL || g->left_bytes == 0 || g->kin != NULL) {
		free(families);
		kin_free(take);
		return;
	}
	g->kin = take;
	g->families = families;
}

/* Spots know places in the families. */
void
guess_stop(struct guess *g)
{
	kin_free(g->kin);
	free(g->families);
	*g = (struct guess){ .left_bytes = 0 };
}

/* ---- sizes, in the blob ---- */

/* No more is counted than tells a crowd. */
static uint64_t
family_bytes(const struct map *m, const struct kin_family *f)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < f->n && sum < CROWD_BYTES; i++) {
		struct object o;

		map_object(m, f->objects[i], &o);
		sum += map_object_blob_bytes(m, &o, CROWD_BYTES);
	}
	return sum;
}

/* ---- spots ---- */

/* A crowd's spot grows over its object alone. */
static void
begin_kin(struct blob *b, struct spot *s)
{
	struct guess *g = &b->guess;
	struct kin_family f;
	uint32_t which;

	if (g->kin == NULL || !kin_find(g->kin, s->object, &f, &which))
		return;
	g->families[f.number] |= IS_SPOT;
	if (family_bytes(b->map, &f) >= CROWD_BYTES)
		return;
	s->family = f;
	s->which = which;
	s->walk = (struct kin_walk){ .from = f.number };
}

void
guess_note(struct blob *b, uint32_t object, uint32_t chunk)
{
	struct guess *g = &b->guess;
	struct spot *to = &g->spots[0];

	if (g->left_bytes == 0)
		return;
	for (unsigned i = 1; i < GUESS_SPOTS && to->born != 0; i++)
		if (g->spots[i].born == 0 ||
		    g->spots[i].grown_bytes > to->grown_bytes)
			to = &g->spots[i];
	*to = (struct spot){
		.object = object,
		.next = chunk + 1,
		.before = chunk,
		.born = ++b->fetcher->spots_born,
		.walk = { .ring = KIN_END },
	};
	begin_kin(b, to);
}

void
guess_note_read(struct blob *b, uint64_t data_off)
{
	struct guess *g = &b->guess;
	struct kin_family f;
	struct object o;
	uint32_t number, which;

	if (g->left_bytes == 0 || g->kin == NULL ||
	    !map_find_object(b->map, data_off, &number) ||
	    !kin_find(g->kin, number, &f, &which) ||
	    (g->families[f.number] & IS_SPOT) != 0)
		return;
	map_object(b->map, number, &o);
	guess_note(b, number, o.first_chunk + o.n_chunks - 1);
}

/* ---- choosing ---- */

struct choice {
	struct blob *blob;
	struct spot *spot;
	uint64_t age;
};

/* What it has grown, and as if it had grown more with each younger one. */
static uint64_t
age_of(const struct fetcher *f, const struct spot *s)
{
	return s->grown_bytes + (f->spots_born - s->born) * AGE_BYTES;
}

static bool
may_guess(const struct blob *b)
{
	const struct link *l;

	if (b->map == NULL || b->guess.left_bytes < LEAST_BYTES ||
	    b->n_origins == 0)
		return false;
	l = b->origins[0].link;
	return l->credit_bytes > 0 && link_room(l) >= PORTION_BYTES;
}

static bool
choose(struct fetcher *f, struct choice *c)
{
	*c = (struct choice){ .age = UINT64_MAX };
	list_for_each(l, &f->blobs) {
		struct blob *b = list_entry(l, struct blob, link);

		if (!may_guess(b))
			continue;
		for (unsigned i = 0; i < GUESS_SPOTS; i++) {
			struct spot *s = &b->guess.spots[i];

			if (s->born != 0 && age_of(f, s) < c->age)
				*c = (struct choice){ b, s, age_of(f, s) };
		}
	}
	return c->blob != NULL;
}

/* ---- asking ---- */

/* Bytes of the blob; 0: the chunk is here, or on its way. */
static uint64_t
queue_chunk(struct blob *b, uint32_t number)
{
	struct err e = ERR_INIT;
	struct chunk c;

	map_chunk(b->map, number, &c);
	if (c.blob_len == 0 || !inflight_is_absent(b, number) ||
	    inflight_queue(b, number, SOURCE_SOON, &e) == NULL)
		return 0;
	return c.blob_len;
}

static uint64_t
queue_object(struct blob *b, uint32_t object)
{
	struct object o;
	uint64_t bytes = 0;

	map_object(b->map, object, &o);
	for (uint32_t n = 0; n < o.n_chunks; n++)
		bytes += queue_chunk(b, o.first_chunk + n);
	return bytes;
}

/* The same unless it is a large one. */
static uint64_t
queue_small(struct blob *b, uint32_t object)
{
	struct object o;

	map_object(b->map, object, &o);
	return map_object_blob_bytes(b->map, &o, KIN_BYTES) <= KIN_BYTES
		   ? queue_object(b, object)
		   : 0;
}

uint64_t
guess_most(const struct blob *b)
{
	const struct link *l = b->n_origins == 0 ? NULL : b->origins[0].link;

	if (b->guess.left_bytes == 0 || l == NULL)
		return 0;
	if (l->round_trip_ns == 0)
		return UNKNOWN_BYTES;
	return max_u64(MISSES * link_allowance(l), PORTION_BYTES);
}

static void
spend(struct blob *b, uint64_t bytes)
{
	b->guess.left_bytes -= min_u64(bytes, b->guess.left_bytes);
	metric_add(METRIC_fetch_guessed_bytes, bytes);
}

/* Programs and libraries are read first where they begin, and where what is
 * written to lies: at their end. */
static uint64_t
queue_ends(struct blob *b, const struct object *o)
{
	uint32_t end = o->first_chunk + o->n_chunks;
	uint64_t head = 0, tail = 0;

	for (uint32_t n = o->first_chunk; n < end && head < PORTION_BYTES; n++)
		head += queue_chunk(b, n);
	for (uint32_t n = end; n-- > o->first_chunk && tail < PORTION_BYTES;)
		tail += queue_chunk(b, n);
	return head + tail;
}

bool
guess_file(struct blob *b, uint64_t data_off)
{
	uint64_t most = guess_most(b), bytes;
	struct object o;
	uint32_t number;

	if (most == 0 || !map_find_object(b->map, data_off, &number))
		return false;
	map_object(b->map, number, &o);
	bytes = map_object_blob_bytes(b->map, &o, most) <= most
		    ? queue_object(b, number)
		    : queue_ends(b, &o);
	spend(b, bytes);
	return bytes > 0;
}

/* ---- a family at once ---- */

bool
guess_family(struct blob *b, uint32_t object)
{
	struct guess *g = &b->guess;
	struct kin_family f;
	uint64_t most, size, bytes = 0;
	uint32_t which;

	if (g->left_bytes < LEAST_BYTES || g->kin == NULL ||
	    b->n_origins == 0 || !kin_find(g->kin, object, &f, &which))
		return false;
	size = family_bytes(b->map, &f);
	if (size >= CROWD_BYTES)
		return false;
	most = max_u64(link_allowance(b->origins[0].link), PORTION_BYTES);
	most = min_u64(most, g->left_bytes);
	for (uint32_t i = 0; i < f.n && i < STEPS && bytes < most; i++) {
		uint32_t o = f.objects[(which + i) % f.n];

		bytes += size <= most ? queue_object(b, o) : queue_small(b, o);
	}
	spend(b, bytes);
	return true;
}

/* ---- growing ---- */

/* The next of its kin; false: there is none. */
static bool
next_object(struct guess *g, struct spot *s, uint32_t *object)
{
	while (s->done == s->family.n ||
	       (g->families[s->family.number] & IS_ASKED) != 0) {
		uint32_t next;

		if (s->family.n > 0)
			g->families[s->family.number] |= IS_ASKED;
		next = kin_next(g->kin, &s->walk);
		if (next == KIN_NONE)
			return false;
		kin_family(g->kin, next, &s->family);
		s->which = s->done = 0;
	}
	*object = s->family.objects[(s->which + s->done++) % s->family.n];
	return true;
}

/* The rest of what was missed, then its kin.  *bytes: what was queued; false:
 * there is nothing more. */
static bool
grow(struct blob *b, struct spot *s, uint64_t *bytes)
{
	struct object o;
	uint32_t kin;

	map_object(b->map, s->object, &o);
	if (s->next < o.first_chunk + o.n_chunks)
		*bytes += queue_chunk(b, s->next++);
	else if (s->before > o.first_chunk)
		*bytes += queue_chunk(b, --s->before);
	else if (b->guess.kin != NULL && next_object(&b->guess, s, &kin))
		*bytes += queue_small(b, kin);
	else
		return false;
	return true;
}

bool
guess_queue(struct fetcher *f)
{
	struct choice c;

	for (int i = 0; i < TRIES && choose(f, &c); i++) {
		struct guess *g = &c.blob->guess;
		uint64_t most = min_u64(PORTION_BYTES, g->left_bytes);
		uint64_t bytes = 0;

		for (unsigned n = 0; n < STEPS && bytes < most; n++) {
			if (grow(c.blob, c.spot, &bytes))
				continue;
			c.spot->born = 0;
			break;
		}
		if (bytes == 0)
			continue;
		c.spot->grown_bytes += bytes;
		link_spend_credit(c.blob->origins[0].link, bytes);
		spend(c.blob, bytes);
		return true;
	}
	return false;
}
