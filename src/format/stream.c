#include <errno.h>
#include <stdlib.h>

#include "format/cutter.h"
#include "format/entry.h"
#include "format/format.h"
#include "format/stretch.h"
#include "codec/gzip.h"
#include "codec/points.h"
#include "codec/tar.h"
#include "codec/window.h"
#include "index/tree.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"

struct stream {
	struct tar *tar;
	struct tar_sink events;
	struct tree *tree;
	struct points_builder *points; /* NULL until there is one, both */
	struct window *window;
	uint64_t dropped_xattrs;
	uint64_t holes;

	/* The file that passes. */
	struct cutter cutter;
	bool is_wanted;
	const struct stretch *stretch;
	struct content_sink *sink;
};

/* ---- what the tar says ---- */

static struct stream *
of(struct tar_sink *s)
{
	return container_of(s, struct stream, events);
}

static int
on_entry(struct tar_sink *t, const struct tar_entry *x, struct err *e)
{
	struct stream *s = of(t);

	s->is_wanted = entry_has_contents(x);
	if (!s->is_wanted)
		return 0;
	cutter_begin(&s->cutter, x->size);
	return s->sink->begin(s->sink, x->size, e);
}

static int
on_data(struct tar_sink *t, uint64_t stream_off, const void *p, size_t n,
    struct err *e)
{
	struct stream *s = of(t);

	(void)stream_off;
	if (!s->is_wanted)
		return 0;
	if (cutter_data(&s->cutter, s->stretch, p, n, e) < 0)
		return -1;
	return s->sink->write(s->sink, p, n, e);
}

static int
on_hole(struct tar_sink *t, uint64_t n, struct err *e)
{
	struct stream *s = of(t);

	if (!s->is_wanted)
		return 0;
	if (n > LIMIT_HOLES_BYTES - s->holes)
		return err_set(e, EBADMSG, "sparse files claim too much");
	s->holes += n;
	if (cutter_hole(&s->cutter, n, e) < 0)
		return -1;
	return s->sink->write(s->sink, NULL, n, e);
}

static int
on_end(struct tar_sink *t, const struct tar_entry *x, struct err *e)
{
	struct stream *s = of(t);
	struct digest whole;
	uint32_t ordinal = 0;

	if (s->is_wanted && (cutter_end(&s->cutter, &whole, e) < 0 ||
				s->sink->end(s->sink, &whole, s->cutter.chunks,
				    s->cutter.n_chunks, &ordinal, e) < 0))
		return entry_wrap(e, x->path, x->path_len);
	if (entry_add(s->tree, x, ordinal, &s->dropped_xattrs, e) < 0)
		return entry_wrap(e, x->path, x->path_len);
	return 0;
}

/* ---- life ---- */

struct stream *
stream_new(struct err *e)
{
	struct stream *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ENOMEM, "stream: out of memory");
		return NULL;
	}
	s->events = (struct tar_sink){ on_entry, on_data, on_hole, on_end };
	cutter_init(&s->cutter);
	s->tar = tar_new(e);
	s->tree = s->tar == NULL ? NULL : tree_new(e);
	if (s->tree == NULL) {
		stream_free(s);
		return NULL;
	}
	return s;
}

void
stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	tar_free(s->tar);
	tree_free(s->tree);
	points_builder_free(s->points);
	window_free(s->window);
	cutter_release(&s->cutter);
	free(s);
}

static int
make_points(struct stream *s, struct err *e)
{
	if (s->points == NULL)
		s->points = points_builder_new(e);
	if (s->points != NULL && s->window == NULL)
		s->window = window_new(gzip_decoder_new, e);
	return s->window == NULL ? -1 : 0;
}

static int
keep_point(struct stream *s, const struct stretch *x, struct err *e)
{
	struct restart_point p = {
		.blob_off = x->blob_off,
		.stream_off = x->range_off,
		.bits = x->bits,
		.window = x->window,
		.window_len = x->window_len,
	};

	if (make_points(s, e) < 0)
		return -1;
	p.window = window_thin(s->window, &p, &x->sequel);
	return points_add(s->points, &p, e);
}

int
stream_take(struct stream *s, const struct stretch *x,
    struct content_sink *sink, struct err *e)
{
	if (x->has_point && keep_point(s, x, e) < 0)
		return -1;
	s->sink = sink;
	s->stretch = x;
	return tar_feed(s->tar, x->bytes, x->len, &s->events, e);
}

int
stream_end(struct stream *s, struct contents *out, struct err *e)
{
	if (tar_end(s->tar, e) < 0 || tree_finish(s->tree, e) < 0)
		return -1;
	out->tree = take_ptr(&s->tree);
	out->points = take_ptr(&s->points);
	out->dropped_xattrs = s->dropped_xattrs;
	return 0;
}
