/* Whatever a map file holds: it is refused, or every accessor stays in bounds.
 * The checksum is made right first, or nothing behind it would be reached. */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/map_seal.h"
#include "base/cleanup.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
walk(const struct map *m)
{
	uint64_t sum = map_prefetch_end(m), size;

	sum += map_blob(m, &size)->bytes[0] + size;
	for (uint32_t i = 0; i < map_n_objects(m); i++) {
		uint32_t first, last;
		struct object o;

		map_object(m, i, &o);
		assert(map_find_object(m, o.data_off, &first) && first == i);
		map_object_chunks(m, &o, 0, o.size, &first, &last);
		assert(first == o.first_chunk);
		assert(last - first == o.n_chunks - 1);
	}
	for (uint32_t i = 0; i < map_n_chunks(m); i++) {
		struct chunk c;

		map_chunk(m, map_chunk_in_blob_order(m, i), &c);
		assert(map_blob_rank(m, map_chunk_in_blob_order(m, i)) == i);
		sum += c.len;
	}
	(void)sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_CLOSE int fd = memfd_create("map", MFD_CLOEXEC);
	AUTO_FREE uint8_t *copy = malloc(n + 1);
	AUTO_MAP struct map *m = NULL;
	struct err e = ERR_INIT;

	if (fd < 0 || copy == NULL)
		return 0;
	memcpy(copy, p, n);
	map_seal(copy, n);
	if (write(fd, copy, n) != (ssize_t)n)
		return 0;
	m = map_open(fd, &e);
	if (m != NULL)
		walk(m);
	return 0;
}
