/* Which contents the store has, over all maps: from an object to one map that
 * has an equal one.  Private to store/; the user's lock guards it.
 *
 * Equal means more than an equal digest.  Nobody computes a file's digest when
 * its chunks arrive one by one; what the chunks' digests vouch for is all that
 * is known.  A hostile layer may give a famous file's digest to chunks of its
 * own, so equal objects have equal digest, size *and* chunks: same lengths,
 * same digests.  Then whoever shares the place gets what its own table of
 * contents promised.
 *
 * Open addressing, 8 bytes a slot, at most 3/4 full; digests are read through
 * the mapped maps.  One entry for one content, however many maps have it.
 */
#ifndef STORE_OBJECT_H
#define STORE_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "store/map.h"
#include "store/range.h"

struct err;

struct object_slot {
	uint32_t hash; /* also says where the entry would like to be */
	uint32_t id;   /* the map's first id + the object's number; 0: empty */
};

/* A map, and the ids of its objects: [first_id, first_id + n). */
struct object_map {
	struct map *map;
	uint32_t first_id;
};

struct objects {
	struct object_slot *slots;
	uint32_t mask;
	uint32_t n;
	struct object_map *maps; /* by first_id */
	uint32_t n_maps, maps_cap;
	uint64_t seed;
};

/* An object in a map, or in a builder (`chunks` then are its own). */
struct content {
	const struct object *object;
	const struct chunk *chunks;
	const struct map *map;
};

int objects_init(struct objects *t, struct err *e);
void objects_release(struct objects *t);

/* The place of an equal object.  A zero digest has none. */
bool objects_find(
    const struct objects *t, const struct content *c, uint64_t *data_off);

/* Where memory is short some contents are not found again; that is no error. */
int objects_add_map(struct objects *t, struct map *m, struct err *e);

/* Forgets the map; *unnamed gets, normal, the blocks of its objects that no
 * other map names. */
int objects_remove_map(
    struct objects *t, struct map *m, struct ranges *unnamed, struct err *e);

#endif
