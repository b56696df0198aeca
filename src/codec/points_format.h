/* A points file's layout.  Private to codec/points*.c.
 *
 *	+-------------------+ 0
 *	| header     64 B   |
 *	+-------------------+ 64
 *	| points     64 B   | ascending by blob_off and by stream_off
 *	+-------------------+ 64 + 64 * count
 *	| windows           | zstd frames, one after the other, in the points'
 *	|                   | order, without a gap
 *	+-------------------+ end of the file
 *
 * Little endian.  Reserved bytes are zero.
 */
#ifndef CODEC_POINTS_FORMAT_H
#define CODEC_POINTS_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

struct err;
struct restart_point;

#define POINTS_MAGIC "lfspts1" /* with its NUL: 8 bytes */

enum {
	POINTS_VERSION = 1,
	DISK_POINT_HAS_DIGEST = 1,
	DISK_POINT_IS_STORED = 2,
};

struct disk_points {
	uint8_t magic[8];
	uint32_t version;
	uint32_t count;
	uint8_t blob[DIGEST_BYTES];
	uint64_t body_sum; /* of all behind the header */
	uint64_t checksum; /* of the header with this one zero */
};

struct disk_point {
	uint64_t blob_off;
	uint64_t stream_off;
	uint64_t frame_off; /* of the window, from the windows' start on */
	uint32_t frame_len;
	uint16_t window_len; /* decoded */
	uint8_t bits;
	uint8_t flags;
	uint8_t digest[DIGEST_BYTES];
};

_Static_assert(sizeof(struct disk_points) == 64, "on disk");
_Static_assert(offsetof(struct disk_points, body_sum) == 48, "on disk");
_Static_assert(sizeof(struct disk_point) == 64, "on disk");
_Static_assert(offsetof(struct disk_point, frame_len) == 24, "on disk");
_Static_assert(offsetof(struct disk_point, digest) == 32, "on disk");

void disk_get_point(const struct disk_point *d, struct restart_point *p);

/* The first of n that is not before blob_off: 0..n. */
uint32_t disk_find_point(
    const struct disk_point *points, uint32_t n, uint64_t blob_off);

/* What a point may say, given the one before it (NULL: none).  EBADMSG. */
int point_check(const struct restart_point *p,
    const struct restart_point *before, struct err *e);

#endif
