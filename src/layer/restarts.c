#include "layer/restarts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "format/format.h"
#include "codec/points.h"
#include "store/map.h"
#include "base/err.h"

static int
check_chunk(const struct chunk *c, const struct restart_point *p, struct err *e)
{
	if (p == NULL)
		return err_set(e, EBADMSG,
		    "no restart point at %" PRIu64 " of the blob", c->blob_off);
	if (!c->has_digest && !p->has_digest)
		return err_set(e, EBADMSG,
		    "no digest vouches for the span at %" PRIu64, c->blob_off);
	return 0;
}

static int
check_end(const struct chunk *c, uint64_t blob_size, struct err *e)
{
	if (!chunk_codec_has_range(c->codec) ||
	    (c->blob_off < blob_size && c->blob_len <= blob_size - c->blob_off))
		return 0;
	return err_set(e, EBADMSG,
	    "chunk at %" PRIu64 ": it lies behind the blob's end", c->blob_off);
}

int
restarts_check(const struct contents *c, uint64_t blob_size, struct err *e)
{
	uint32_t n;
	const struct chunk *all = map_builder_chunks(c->map, &n);

	for (uint32_t i = 0; i < n; i++) {
		struct restart_point p;
		bool is_there;

		if (check_end(&all[i], blob_size, e) < 0)
			return -1;
		if (all[i].codec != CHUNK_SPAN)
			continue;
		is_there = c->points != NULL &&
			   points_builder_find(c->points, all[i].blob_off, &p);
		if (check_chunk(&all[i], is_there ? &p : NULL, e) < 0)
			return -1;
	}
	return 0;
}

int
restarts_write(const struct draft *w, const struct contents *c,
    const struct digest *blob, struct err *e)
{
	AUTO_CLOSE int fd = -1;

	if (c->points == NULL || points_builder_count(c->points) == 0)
		return 0;
	fd = draft_create(w, "points", e);
	if (fd < 0)
		return -1;
	return points_write(c->points, blob, fd, e);
}

static bool
has_spans(const struct map *m)
{
	for (uint32_t i = 0; i < map_n_chunks(m); i++) {
		struct chunk c;

		map_chunk(m, i, &c);
		if (c.codec == CHUNK_SPAN)
			return true;
	}
	return false;
}

/* In the order of the blob: a point is looked up once. */
static int
check_map(const struct map *m, const struct points *points, struct err *e)
{
	struct restart_point p = { 0 };
	bool is_there = false;

	for (uint32_t i = 0; i < map_n_chunks(m); i++) {
		struct chunk c;
		uint32_t at;

		map_chunk(m, map_chunk_in_blob_order(m, i), &c);
		if (c.codec != CHUNK_SPAN)
			continue;
		if (!is_there || p.blob_off != c.blob_off) {
			is_there = points_find(points, c.blob_off, &at);
			if (is_there)
				points_get(points, at, &p);
		}
		if (check_chunk(&c, is_there ? &p : NULL, e) < 0)
			return -1;
	}
	return 0;
}

int
restarts_open(int dir, const struct map *m, struct points **out, struct err *e)
{
	AUTO_POINTS struct points *p = NULL;
	AUTO_CLOSE int fd = -1;

	*out = NULL;
	if (!has_spans(m))
		return 0;
	fd = openat(dir, "points", O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, EBADMSG, "no restart points");
	if (fd < 0)
		return err_sys(e, "open points");
	p = points_open(fd, e);
	if (p == NULL)
		return err_wrap(e, "points");
	if (!digest_equal(points_blob(p), map_blob(m, NULL)))
		return err_set(e, EBADMSG, "points are of another layer");
	if (check_map(m, p, e) < 0)
		return -1;
	*out = take_ptr(&p);
	return 0;
}
