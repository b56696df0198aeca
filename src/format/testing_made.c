#include "format/testing_made.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "format/layer_index.h"
#include "format/testing.h"
#include "codec/points.h"
#include "index/index.h"
#include "index/writer.h"
#include "base/limits.h"

static uint64_t
place_of(void *ctx, uint64_t content)
{
	const struct object *o = ctx;

	return o[content].data_off;
}

void
made_place(struct made *m, uint64_t start, bool is_backwards)
{
	uint32_t n;
	struct object *o = map_builder_objects(m->contents.map, &n);

	for (uint32_t i = 0; i < n; i++) {
		struct object *x = &o[is_backwards ? n - 1 - i : i];

		x->data_off = start;
		start += align_up(x->size, 4096);
	}
}

void
made_open(struct made *m)
{
	AUTO_CLOSE int map = memfd_create("map", 0);
	AUTO_CLOSE int points = memfd_create("points", 0);
	int fd = memfd_create("index", 0);
	uint32_t n;
	struct index_options o = { .data_off = place_of,
		.ctx = map_builder_objects(m->contents.map, &n),
		.data_blocks = 1 << 20 };
	struct err e = ERR_INIT;

	assert_int_equal(index_write(m->contents.tree, &o, fd, &e), 0);
	m->index = index_open(fd, &e);
	assert_int_equal(map_write(m->contents.map, &m->layer.digest,
			     m->layer.size, map, &e),
	    0);
	m->map = map_open(map, &e);
	assert_non_null(m->index);
	assert_non_null(m->map);
	if (m->contents.points == NULL)
		return;
	assert_int_equal(
	    points_write(m->contents.points, &m->layer.digest, points, &e), 0);
	m->points = points_open(points, &e);
	assert_non_null(m->points);
}

struct made *
made_new(const struct buf *blob, size_t step)
{
	struct made *m = calloc(1, sizeof *m);
	struct err e = ERR_INIT;

	m->blob = *blob;
	m->layer.media_type = "";
	m->layer.size = blob->len;
	digest_of(&m->layer.digest, blob->data, blob->len);
	assert_int_equal(stream_bytes(blob->data, blob->len, step, &m->contents,
			     &m->format, &e),
	    0);
	return m;
}

void
made_free(struct made *m)
{
	contents_release(&m->contents);
	index_close(m->index);
	map_close(m->map);
	points_close(m->points);
	free(m);
}

void
made_write_index(const struct made *m, struct buf *out)
{
	struct err e = ERR_INIT;

	buf_init(out, MIB(64));
	if (layer_index_write(m->index, m->map, m->points, out, &e) < 0)
		fail_msg("%s", e.msg);
}
