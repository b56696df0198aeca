/* Whatever a points file holds: it is refused, or every access stays in bounds.
 * The checksums are made right first, or nothing behind them would be reached.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "codec/points.h"
#include "codec/points_format.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/hmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
seal(uint8_t *file, size_t n)
{
	struct disk_points h;
	uint64_t count, records;

	if (n < sizeof h)
		return;
	memcpy(&h, file, sizeof h);
	count = le32toh(h.count);
	records = min_u64(count * sizeof(struct disk_point), n - sizeof h);
	h.body_sum = htole64(hash_bytes(file + sizeof h + records,
	    n - sizeof h - records, hash_bytes(file + sizeof h, records, 0)));
	h.checksum = 0;
	h.checksum = htole64(hash_bytes(&h, sizeof h, 0));
	memcpy(file, &h, sizeof h);
}

static void
walk(const struct points *p)
{
	uint8_t room[RESTART_WINDOW_BYTES];
	struct restart_point x;
	struct err e = ERR_INIT;

	for (uint32_t i = 0; i < points_count(p); i++) {
		uint32_t at;

		points_get(p, i, &x);
		assert(points_find(p, x.blob_off, &at) && at == i);
		points_window(p, i, room, &x, &e);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_CLOSE int fd = memfd_create("points", MFD_CLOEXEC);
	AUTO_FREE uint8_t *copy = malloc(n + 1);
	AUTO_POINTS struct points *x = NULL;
	struct err e = ERR_INIT;

	if (fd < 0 || copy == NULL)
		return 0;
	memcpy(copy, p, n);
	seal(copy, n);
	if (write(fd, copy, n) != (ssize_t)n)
		return 0;
	x = points_open(fd, &e);
	if (x != NULL)
		walk(x);
	return 0;
}
