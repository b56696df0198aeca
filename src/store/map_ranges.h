/* The blocks that a map's objects lie in.  Private to store/. */
#ifndef STORE_MAP_RANGES_H
#define STORE_MAP_RANGES_H

#include "store/range.h"

struct err;
struct map;

/* Appends them; to be normalised. */
int map_ranges_push(struct ranges *out, const struct map *m, struct err *e);

#endif
