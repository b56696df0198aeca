/* A layer's restart points (restart.h), beside its map: what a CHUNK_SPAN needs
 * (store/map.h).
 *
 * A builder collects them while a layer is understood; points_write() makes a
 * file, which from then on is mapped, immutable and shared by any number of
 * threads.  Windows are kept compressed (zstd), a third of their size, and a
 * fifteenth where they were thinned (window.h).
 *
 * On disk (little endian):
 *
 *	header    64 B   magic "lfspts1\0", version, count, blob digest,
 *	                 checksum of all that follows, then of the header
 *	points    64 B   sorted by blob_off, no two of them equal
 *	windows          zstd frames, in the order of their points
 *
 * points_open() checks all of it but what is in the frames once; after that
 * every access stays in bounds.
 */
#ifndef CODEC_POINTS_H
#define CODEC_POINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/restart.h"
#include "base/cleanup.h"

struct err;
struct points;
struct points_builder;

#define AUTO_POINTS CLEANUP(points_cleanup)
#define AUTO_POINTS_BUILDER CLEANUP(points_builder_cleanup)

/* ---- building ---- */

struct points_builder *points_builder_new(struct err *e);
void points_builder_free(struct points_builder *b);

/* Copies it.  In ascending order of blob_off and stream_off: EBADMSG. */
int points_add(
    struct points_builder *b, const struct restart_point *p, struct err *e);
/* The same with the window as a zstd frame, which points_packed_window() gave:
 * one that does not decode to p->window_len bytes is EBADMSG. */
int points_add_packed(struct points_builder *b, const struct restart_point *p,
    const void *frame, uint32_t frame_len, struct err *e);
uint32_t points_builder_count(const struct points_builder *b);
/* The one at exactly this place, without its window, or false. */
bool points_builder_find(const struct points_builder *b, uint64_t blob_off,
    struct restart_point *out);

/* No fsync. */
int points_write(const struct points_builder *b, const struct digest *blob,
    int fd, struct err *e);

/* ---- reading ---- */

/* Maps the file; fd stays the caller's.  EBADMSG when it is damaged. */
struct points *points_open(int fd, struct err *e);
void points_close(struct points *p);

static inline void
points_cleanup(struct points **p)
{
	points_close(*p);
}

static inline void
points_builder_cleanup(struct points_builder **b)
{
	points_builder_free(*b);
}

const struct digest *points_blob(const struct points *p);
uint32_t points_count(const struct points *p);

/* The i-th; its window is NULL, window_len what points_window() will give. */
void points_get(const struct points *p, uint32_t i, struct restart_point *out);
/* The number of the one at exactly this place, or false. */
bool points_find(const struct points *p, uint64_t blob_off, uint32_t *i);
/* Decompresses the i-th one's window into `room` and points out->window at it.
 */
int points_window(const struct points *p, uint32_t i,
    uint8_t room[RESTART_WINDOW_BYTES], struct restart_point *out,
    struct err *e);
/* The same window as it is kept; NULL where there is none. */
const void *points_packed_window(
    const struct points *p, uint32_t i, uint32_t *frame_len);

#endif
