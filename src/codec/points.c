/* Restart points in the making, and the file that they become. */
#include "codec/points.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <zstd.h>

#include "codec/points_format.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/hmap.h"
#include "base/limits.h"

/* Windows are made while a layer is pulled. */
enum { WINDOW_LEVEL = 1 };

struct points_builder {
	struct buf points; /* struct disk_point */
	struct buf frames;
	struct restart_point last;
	ZSTD_CCtx *packer;
	ZSTD_DCtx *checker; /* NULL until it is needed */
};

struct points_builder *
points_builder_new(struct err *e)
{
	struct points_builder *b = calloc(1, sizeof *b);

	if (b != NULL)
		b->packer = ZSTD_createCCtx();
	if (b == NULL || b->packer == NULL) {
		free(b);
		err_set(e, ENOMEM, "restart points");
		return NULL;
	}
	buf_init(&b->points, (size_t)LIMIT_POINTS * sizeof(struct disk_point));
	buf_init(&b->frames, LIMIT_POINTS_BYTES);
	return b;
}

void
points_builder_free(struct points_builder *b)
{
	if (b == NULL)
		return;
	buf_release(&b->points);
	buf_release(&b->frames);
	ZSTD_freeCCtx(b->packer);
	ZSTD_freeDCtx(b->checker);
	free(b);
}

uint32_t
points_builder_count(const struct points_builder *b)
{
	return b->points.len / sizeof(struct disk_point);
}

bool
points_builder_find(const struct points_builder *b, uint64_t blob_off,
    struct restart_point *out)
{
	const struct disk_point *all = (const void *)b->points.data;
	uint32_t n = points_builder_count(b);
	uint32_t i = disk_find_point(all, n, blob_off);

	if (i < n)
		disk_get_point(&all[i], out);
	return i < n && out->blob_off == blob_off;
}

int
point_check(const struct restart_point *p, const struct restart_point *before,
    struct err *e)
{
	const char *why = NULL;

	if (p->blob_off > LIMIT_BLOB_BYTES || p->stream_off > LIMIT_DATA_BYTES)
		why = "its place";
	else if (before != NULL && (p->blob_off <= before->blob_off ||
				       p->stream_off < before->stream_off))
		why = "not in order";
	else if (p->bits > 7 || p->window_len > RESTART_WINDOW_BYTES ||
		 p->window_len > p->stream_off)
		why = "its bits or window";
	else if (p->is_stored && (p->bits != 0 || p->window_len != 0))
		why = "stored, yet with bits or a window";
	if (why == NULL)
		return 0;
	return err_set(e, EBADMSG,
	    "restart point at %" PRIu64 " of the blob: %s", p->blob_off, why);
}

/* The frame is in b->frames already, from frame_off on. */
static int
append(struct points_builder *b, const struct restart_point *p,
    size_t frame_off, struct err *e)
{
	struct disk_point d = {
		.blob_off = htole64(p->blob_off),
		.stream_off = htole64(p->stream_off),
		.frame_off = htole64(frame_off),
		.frame_len = htole32(b->frames.len - frame_off),
		.window_len = htole16(p->window_len),
		.bits = p->bits,
		.flags = (p->has_digest ? DISK_POINT_HAS_DIGEST : 0) |
			 (p->is_stored ? DISK_POINT_IS_STORED : 0),
	};

	if (p->has_digest)
		memcpy(d.digest, &p->digest, sizeof d.digest);
	if (buf_append(&b->points, &d, sizeof d, e) < 0)
		return -1;
	b->last = *p;
	return 0;
}

static int
check_next(const struct points_builder *b, const struct restart_point *p,
    struct err *e)
{
	return point_check(p, b->points.len > 0 ? &b->last : NULL, e);
}

int
points_add(
    struct points_builder *b, const struct restart_point *p, struct err *e)
{
	size_t frame_off = b->frames.len;
	size_t n = ZSTD_compressBound(p->window_len);

	if (check_next(b, p, e) < 0)
		return -1;
	if (p->window_len > 0) {
		if (buf_reserve(&b->frames, n, e) < 0)
			return -1;
		n = ZSTD_compressCCtx(b->packer, b->frames.data + frame_off, n,
		    p->window, p->window_len, WINDOW_LEVEL);
		if (ZSTD_isError(n))
			return err_set(e, ENOMEM, "restart points: %s",
			    ZSTD_getErrorName(n));
		b->frames.len += n;
	}
	return append(b, p, frame_off, e);
}

/* Decodes to as many bytes as it should. */
static int
check_frame(struct points_builder *b, const void *frame, size_t n,
    uint32_t window_len, struct err *e)
{
	uint8_t room[RESTART_WINDOW_BYTES];

	if (b->checker == NULL)
		b->checker = ZSTD_createDCtx();
	if (b->checker == NULL)
		return err_set(e, ENOMEM, "restart points");
	if (ZSTD_decompressDCtx(b->checker, room, sizeof room, frame, n) !=
	    window_len)
		return err_set(e, EBADMSG, "a restart point's window");
	return 0;
}

int
points_add_packed(struct points_builder *b, const struct restart_point *p,
    const void *frame, uint32_t frame_len, struct err *e)
{
	size_t frame_off = b->frames.len;

	if (check_next(b, p, e) < 0)
		return -1;
	if ((frame_len == 0) != (p->window_len == 0))
		return err_set(e, EBADMSG, "a restart point's window");
	if (frame_len > 0 &&
	    (check_frame(b, frame, frame_len, p->window_len, e) < 0 ||
		buf_append(&b->frames, frame, frame_len, e) < 0))
		return -1;
	return append(b, p, frame_off, e);
}

int
points_write(const struct points_builder *b, const struct digest *blob, int fd,
    struct err *e)
{
	struct disk_points h = {
		.magic = POINTS_MAGIC,
		.version = htole32(POINTS_VERSION),
		.count = htole32(points_builder_count(b)),
	};
	uint64_t sum = hash_bytes(b->points.data, b->points.len, 0);

	sum = hash_bytes(b->frames.data, b->frames.len, sum);
	memcpy(h.blob, blob, sizeof h.blob);
	h.body_sum = htole64(sum);
	h.checksum = htole64(hash_bytes(&h, sizeof h, 0));
	if (fs_pwrite(fd, b->points.data, b->points.len, sizeof h, e) < 0 ||
	    fs_pwrite(fd, b->frames.data, b->frames.len,
		sizeof h + b->points.len, e) < 0)
		return -1;
	return fs_pwrite(fd, &h, sizeof h, 0, e);
}
