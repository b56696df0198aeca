#include "store/object.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/err.h"
#include "base/hmap.h"

enum { FIRST_SLOTS = 1024 };

int
objects_init(struct objects *t, struct err *e)
{
	*t = (struct objects){ .mask = FIRST_SLOTS - 1 };
	t->slots = calloc(FIRST_SLOTS, sizeof *t->slots);
	if (t->slots == NULL)
		return err_set(e, ENOMEM, "the table of objects");
	/* Digests come from outside and need not be digests of anything. */
	if (getrandom(&t->seed, sizeof t->seed, GRND_NONBLOCK) < 0)
		t->seed = (uintptr_t)t;
	return 0;
}

void
objects_release(struct objects *t)
{
	free(t->slots);
	free(t->maps);
}

/* ---- contents ---- */

static struct content
content_of(const struct map *m, uint32_t i, struct object *o)
{
	map_object(m, i, o);
	return (struct content){ .object = o, .map = m };
}

static void
get_chunk(const struct content *c, uint32_t i, struct chunk *out)
{
	if (c->map != NULL)
		map_chunk(c->map, c->object->first_chunk + i, out);
	else
		*out = c->chunks[i];
}

static uint32_t
content_hash(const struct objects *t, const struct content *c)
{
	struct chunk first;
	uint64_t h = hash_u64(c->object->size ^ t->seed);

	h = hash_bytes(&c->object->digest, sizeof c->object->digest, h);
	get_chunk(c, 0, &first);
	if (first.has_digest)
		h = hash_bytes(&first.digest, sizeof first.digest, h);
	return h ^ h >> 32;
}

static bool
is_equal_chunk(const struct chunk *a, const struct chunk *b)
{
	if (a->len != b->len)
		return false;
	if (a->codec == CHUNK_ZEROS || b->codec == CHUNK_ZEROS)
		return a->codec == b->codec;
	return digest_equal(&a->digest, &b->digest);
}

static bool
is_equal_content(const struct content *a, const struct content *b)
{
	const struct object *x = a->object, *y = b->object;

	if (x->size != y->size || x->n_chunks != y->n_chunks ||
	    !digest_equal(&x->digest, &y->digest))
		return false;
	for (uint32_t i = 0; i < x->n_chunks; i++) {
		struct chunk p, q;

		get_chunk(a, i, &p);
		get_chunk(b, i, &q);
		if (!is_equal_chunk(&p, &q))
			return false;
	}
	return true;
}

/* ---- slots ---- */

static struct content
content_of_id(const struct objects *t, uint32_t id, struct object *o)
{
	uint32_t lo = 0, hi = t->n_maps;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (t->maps[mid].first_id <= id)
			lo = mid;
		else
			hi = mid;
	}
	return content_of(t->maps[lo].map, id - t->maps[lo].first_id, o);
}

/* The content's slot, or the empty one where it belongs. */
static struct object_slot *
find_slot(const struct objects *t, const struct content *c, uint32_t hash)
{
	for (uint32_t i = hash;; i++) {
		struct object_slot *s = &t->slots[i & t->mask];
		struct object o;
		struct content other;

		if (s->id == 0)
			return s;
		if (s->hash != hash)
			continue;
		other = content_of_id(t, s->id, &o);
		if (is_equal_content(c, &other))
			return s;
	}
}

static void
put_slot(struct object_slot *slots, uint32_t mask, struct object_slot s)
{
	uint32_t i = s.hash;

	while (slots[i & mask].id != 0)
		i++;
	slots[i & mask] = s;
}

/* False when there is no room for one more. */
static bool
reserve_slot(struct objects *t)
{
	uint64_t size = (uint64_t)t->mask + 1;
	struct object_slot *slots;

	if (t->n < size - size / 4)
		return true;
	slots = size < UINT32_MAX / 2 ? calloc(2 * size, sizeof *slots) : NULL;
	if (slots == NULL)
		return false;
	for (uint64_t i = 0; i < size; i++)
		if (t->slots[i].id != 0)
			put_slot(slots, 2 * size - 1, t->slots[i]);
	free(t->slots);
	t->slots = slots;
	t->mask = 2 * size - 1;
	return true;
}

/* Closes the hole: whoever stands behind it, and would like to be at or before
 * it, moves up. */
static void
clear_slot(struct objects *t, struct object_slot *s)
{
	uint32_t hole = s - t->slots;

	for (uint32_t i = hole + 1; t->slots[i & t->mask].id != 0; i++) {
		uint32_t at = i & t->mask;
		uint32_t home = t->slots[at].hash & t->mask;

		if (((at - home) & t->mask) < ((at - hole) & t->mask))
			continue;
		t->slots[hole] = t->slots[at];
		hole = at;
	}
	t->slots[hole].id = 0;
	t->n--;
}

bool
objects_find(
    const struct objects *t, const struct content *c, uint64_t *data_off)
{
	struct object_slot *s;
	struct object o;

	if (digest_is_zero(&c->object->digest))
		return false;
	s = find_slot(t, c, content_hash(t, c));
	if (s->id == 0)
		return false;
	content_of_id(t, s->id, &o);
	*data_off = o.data_off;
	return true;
}

/* ---- adding a map ---- */

/* The first ids that are free, and where their map stands; 0 when there are
 * none. */
static uint32_t
find_ids(const struct objects *t, uint32_t n, uint32_t *at)
{
	uint32_t id = 1;

	for (*at = 0; *at < t->n_maps; ++*at) {
		const struct object_map *m = &t->maps[*at];

		if (m->first_id - id >= n)
			return id;
		id = m->first_id + map_n_objects(m->map);
	}
	return n <= UINT32_MAX - id ? id : 0;
}

static int
insert_map(struct objects *t, struct map *m, uint32_t *id, struct err *e)
{
	uint32_t cap = t->maps_cap == 0 ? 64 : 2 * t->maps_cap, at;
	struct object_map *maps;

	*id = find_ids(t, map_n_objects(m), &at);
	if (*id == 0)
		return err_set(e, ENOSPC, "too many objects in all layers");
	if (t->n_maps == t->maps_cap) {
		maps = reallocarray(t->maps, cap, sizeof *maps);
		if (maps == NULL)
			return err_set(e, ENOMEM, "a table of maps");
		t->maps = maps;
		t->maps_cap = cap;
	}
	memmove(&t->maps[at + 1], &t->maps[at],
	    (t->n_maps++ - at) * sizeof *t->maps);
	t->maps[at] = (struct object_map){ m, *id };
	return 0;
}

int
objects_add_map(struct objects *t, struct map *m, struct err *e)
{
	uint32_t id;

	/* No ids, no place among them; and nothing to find. */
	if (map_n_objects(m) == 0)
		return 0;
	if (insert_map(t, m, &id, e) < 0)
		return -1;
	for (uint32_t i = 0; i < map_n_objects(m) && reserve_slot(t); i++) {
		struct object o;
		struct content c = content_of(m, i, &o);
		struct object_slot *s;
		uint32_t hash;

		if (digest_is_zero(&o.digest))
			continue;
		hash = content_hash(t, &c);
		s = find_slot(t, &c, hash);
		if (s->id != 0)
			continue;
		*s = (struct object_slot){ hash, id + i };
		t->n++;
	}
	return 0;
}

/* ---- removing a map ---- */

/* Who names an object's place besides the map that goes. */
enum { HEIR_NONE = 0, HEIR_OTHER = UINT32_MAX /* but with another content */ };

static uint64_t
object_end(const struct object *o)
{
	return range_of_bytes(o->data_off, o->size).end;
}

static uint64_t
object_first(const struct object *o)
{
	return range_of_bytes(o->data_off, o->size).first;
}

static void
note_heir(const struct map *m, uint32_t i, const struct object_map *other,
    uint32_t j, uint32_t *heir)
{
	struct object o, p;
	struct content c = content_of(m, i, &o);
	struct content d = content_of(other->map, j, &p);

	if (o.data_off == p.data_off && is_equal_content(&c, &d))
		*heir = other->first_id + j;
	else if (*heir == HEIR_NONE)
		*heir = HEIR_OTHER;
}

/* Walks both maps, each sorted by place, side by side. */
static void
find_heirs(const struct map *m, const struct object_map *other, uint32_t *heirs)
{
	uint32_t n = map_n_objects(m), n_other = map_n_objects(other->map);

	for (uint32_t i = 0, j = 0; i < n && j < n_other;) {
		struct object o, p;

		map_object(m, i, &o);
		map_object(other->map, j, &p);
		if (object_end(&o) <= object_first(&p)) {
			i++;
		} else if (object_end(&p) <= object_first(&o)) {
			j++;
		} else {
			note_heir(m, i, other, j, &heirs[i]);
			if (object_end(&o) <= object_end(&p))
				i++;
			else
				j++;
		}
	}
}

static int
list_unnamed(const struct map *m, const uint32_t *heirs, struct ranges *unnamed,
    struct err *e)
{
	for (uint32_t i = 0; i < map_n_objects(m); i++) {
		struct object o;

		map_object(m, i, &o);
		if (heirs[i] == HEIR_NONE &&
		    ranges_push(
			unnamed, range_of_bytes(o.data_off, o.size), e) < 0)
			return -1;
	}
	return 0;
}

/* The entry goes, or goes over to the heir. */
static void
hand_over(
    struct objects *t, const struct object_map *m, uint32_t i, uint32_t heir)
{
	struct object o;
	struct content c = content_of(m->map, i, &o);
	struct object_slot *s;

	if (digest_is_zero(&o.digest))
		return;
	s = find_slot(t, &c, content_hash(t, &c));
	if (s->id != m->first_id + i)
		return;
	if (heir != HEIR_NONE && heir != HEIR_OTHER)
		s->id = heir;
	else
		clear_slot(t, s);
}

int
objects_remove_map(
    struct objects *t, struct map *m, struct ranges *unnamed, struct err *e)
{
	AUTO_FREE uint32_t *heirs = calloc(map_n_objects(m) + 1, sizeof *heirs);
	uint32_t at = UINT32_MAX;

	if (map_n_objects(m) == 0)
		return 0;
	if (heirs == NULL)
		return err_set(e, ENOMEM, "removal of a map");
	for (uint32_t i = 0; i < t->n_maps; i++)
		if (t->maps[i].map == m)
			at = i;
		else
			find_heirs(m, &t->maps[i], heirs);
	assert(at != UINT32_MAX);
	if (list_unnamed(m, heirs, unnamed, e) < 0)
		return -1;
	for (uint32_t i = 0; i < map_n_objects(m); i++)
		hand_over(t, &t->maps[at], i, heirs[i]);
	memmove(&t->maps[at], &t->maps[at + 1],
	    (--t->n_maps - at) * sizeof *t->maps);
	return 0;
}
