/* What a map builder holds; map_write.c reads it.  Private to store/. */
#ifndef STORE_MAP_BUILDER_H
#define STORE_MAP_BUILDER_H

#include "store/map.h"

struct map_builder {
	struct object *objects; /* by ordinal */
	struct chunk *chunks;   /* in the order of their objects */
	uint32_t n_objects, objects_cap;
	uint32_t n_chunks, chunks_cap;

	uint32_t *slots; /* open addressing: ordinal + 1, or 0 */
	uint32_t slot_mask;
	uint64_t seed;

	bool is_in_object; /* the last object's chunks are still coming */
	uint64_t covered;  /* of its bytes */
	uint64_t prefetch_end;
};

#endif
