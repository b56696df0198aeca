/* Memory that is freed all at once.  Embedded by its owner and zero at the
 * start; not shared between threads. */
#ifndef INDEX_ARENA_H
#define INDEX_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	char *at;
	size_t left;
};

/* Zeroed and aligned for any of our structs (8); NULL when there is none. */
void *arena_alloc(struct arena *a, size_t n);
void arena_release(struct arena *a);

#endif
