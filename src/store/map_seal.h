/* Gives a damaged map the checksum that its bytes should have, so that a test
 * or the fuzzer reaches the checks behind it. */
#ifndef STORE_MAP_SEAL_H
#define STORE_MAP_SEAL_H

#include "store/map_format.h"

struct sealed {
	const uint8_t *p;
	size_t left;
	uint64_t checksum;
};

static inline void
seal_records(struct sealed *s, uint32_t n, size_t size)
{
	for (; n > 0 && s->left >= size; n--) {
		s->checksum = disk_checksum(s->checksum, s->p, size);
		s->p += size;
		s->left -= size;
	}
}

static inline void
map_seal(uint8_t *map, size_t n)
{
	struct sealed s = { 0 };
	struct disk_header h;

	if (n < sizeof h)
		return;
	memcpy(&h, map, sizeof h);
	s.p = map + sizeof h;
	s.left = n - sizeof h;
	seal_records(&s, le32toh(h.n_objects), sizeof(struct disk_object));
	seal_records(&s, le32toh(h.n_chunks), sizeof(struct disk_chunk));
	seal_records(&s, le32toh(h.n_chunks), sizeof(uint32_t));
	h.checksum = 0;
	h.checksum = htole64(disk_checksum(s.checksum, &h, sizeof h));
	memcpy(map, &h, sizeof h);
}

#endif
