#include "store/map_ranges.h"

#include "store/map.h"

int
map_ranges_push(struct ranges *out, const struct map *m, struct err *e)
{
	for (uint32_t i = 0; i < map_n_objects(m); i++) {
		struct object o;

		map_object(m, i, &o);
		if (ranges_push(out, range_of_bytes(o.data_off, o.size), e) < 0)
			return -1;
	}
	return 0;
}
