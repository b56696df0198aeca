/* A points file, mapped. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <zstd.h>

#include "codec/points.h"
#include "codec/points_format.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/limits.h"

struct points {
	void *base;
	size_t bytes;
	const struct disk_point *points;
	const uint8_t *frames;
	uint32_t count;
	struct digest blob;
};

void
disk_get_point(const struct disk_point *d, struct restart_point *p)
{
	*p = (struct restart_point){
		.blob_off = le64toh(d->blob_off),
		.stream_off = le64toh(d->stream_off),
		.bits = d->bits,
		.is_stored = d->flags & DISK_POINT_IS_STORED,
		.has_digest = d->flags & DISK_POINT_HAS_DIGEST,
		.window_len = le16toh(d->window_len),
	};
	memcpy(&p->digest, d->digest, sizeof p->digest);
}

uint32_t
disk_find_point(const struct disk_point *points, uint32_t n, uint64_t blob_off)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (le64toh(points[mid].blob_off) < blob_off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
check_header(struct points *p, struct err *e)
{
	struct disk_points h = *(const struct disk_points *)p->base;
	uint64_t checksum = le64toh(h.checksum);

	if (memcmp(h.magic, POINTS_MAGIC, sizeof h.magic) != 0 ||
	    le32toh(h.version) != POINTS_VERSION)
		return err_set(e, EBADMSG, "no restart points");
	h.checksum = 0;
	if (hash_bytes(&h, sizeof h, 0) != checksum)
		return err_set(e, EBADMSG, "the points' checksum is wrong");
	p->count = le32toh(h.count);
	memcpy(&p->blob, h.blob, sizeof p->blob);
	if (p->count > LIMIT_POINTS ||
	    p->count > (p->bytes - sizeof h) / sizeof *p->points)
		return err_set(e, EBADMSG, "too many restart points");
	p->points = (const void *)((const char *)p->base + sizeof h);
	p->frames = (const uint8_t *)(p->points + p->count);
	return 0;
}

static int
check_sum(const struct points *p, struct err *e)
{
	const struct disk_points *h = p->base;
	size_t records = p->count * sizeof *p->points;
	uint64_t sum = hash_bytes(p->points, records, 0);

	sum = hash_bytes(p->frames, p->bytes - sizeof *h - records, sum);
	if (sum != le64toh(h->body_sum))
		return err_set(e, EBADMSG, "the points' checksum is wrong");
	return 0;
}

static int
check_points(const struct points *p, struct err *e)
{
	struct restart_point before, next;
	uint64_t end = 0;

	for (uint32_t i = 0; i < p->count; i++) {
		const struct disk_point *d = &p->points[i];

		disk_get_point(d, &next);
		if (point_check(&next, i > 0 ? &before : NULL, e) < 0)
			return -1;
		if ((d->flags &
			~(DISK_POINT_HAS_DIGEST | DISK_POINT_IS_STORED)) != 0 ||
		    le64toh(d->frame_off) != end)
			return err_set(e, EBADMSG, "a restart point's window");
		end += le32toh(d->frame_len);
		before = next;
	}
	if (end != p->bytes - ((const char *)p->frames - (char *)p->base))
		return err_set(e, EBADMSG, "windows do not fill the points");
	return 0;
}

static int
map_file(struct points *p, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat");
	if (!S_ISREG(st.st_mode) ||
	    st.st_size < (off_t)sizeof(struct disk_points))
		return err_set(e, EBADMSG, "too short for restart points");
	p->bytes = st.st_size;
	p->base = mmap(NULL, p->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (p->base != MAP_FAILED)
		return 0;
	p->base = NULL;
	return err_sys(e, "map %zu bytes", p->bytes);
}

struct points *
points_open(int fd, struct err *e)
{
	AUTO_POINTS struct points *p = calloc(1, sizeof *p);

	if (p == NULL) {
		err_set(e, ENOMEM, "restart points");
		return NULL;
	}
	if (map_file(p, fd, e) < 0 || check_header(p, e) < 0 ||
	    check_sum(p, e) < 0 || check_points(p, e) < 0)
		return NULL;
	/* What was read lies in the page cache, and need not count as this
	 * process's memory until it is read again. */
	madvise(p->base, p->bytes, MADV_DONTNEED);
	return take_ptr(&p);
}

void
points_close(struct points *p)
{
	if (p == NULL)
		return;
	if (p->base != NULL)
		munmap(p->base, p->bytes);
	free(p);
}

const struct digest *
points_blob(const struct points *p)
{
	return &p->blob;
}

uint32_t
points_count(const struct points *p)
{
	return p->count;
}

void
points_get(const struct points *p, uint32_t i, struct restart_point *out)
{
	assert(i < p->count);
	disk_get_point(&p->points[i], out);
}

bool
points_find(const struct points *p, uint64_t blob_off, uint32_t *i)
{
	*i = disk_find_point(p->points, p->count, blob_off);
	return *i < p->count && le64toh(p->points[*i].blob_off) == blob_off;
}

const void *
points_packed_window(const struct points *p, uint32_t i, uint32_t *frame_len)
{
	const struct disk_point *d;

	assert(i < p->count);
	d = &p->points[i];
	*frame_len = le32toh(d->frame_len);
	return *frame_len > 0 ? p->frames + le64toh(d->frame_off) : NULL;
}

int
points_window(const struct points *p, uint32_t i,
    uint8_t room[RESTART_WINDOW_BYTES], struct restart_point *out,
    struct err *e)
{
	uint32_t n;
	const void *frame = points_packed_window(p, i, &n);

	points_get(p, i, out);
	out->window = room;
	if (out->window_len == 0)
		return 0;
	if (ZSTD_decompress(room, RESTART_WINDOW_BYTES, frame, n) ==
	    out->window_len)
		return 0;
	return err_set(e, EBADMSG, "a restart point's window");
}
