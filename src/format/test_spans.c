/* Spans of a gzip layer, and the points that they restart at. */
#include <stdlib.h>
#include <string.h>

#include "format/stretch.h"
#include "format/testing.h"
#include "codec/points.h"
#include "codec/test_words.h"
#include "base/limits.h"

enum { FILES = 40, FILE_BYTES = 300000, MIN_POINTS = 10 };

static bool
make_layer(struct buf *out)
{
	AUTO_FREE uint8_t *p = malloc(FILE_BYTES);
	AUTO_BUF struct buf tar = BUF_INIT(MIB(64));

	for (unsigned i = 0; i < FILES; i++) {
		char name[2] = { (char)('A' + i), 0 };

		fill_words(p, FILE_BYTES, i);
		tar_add(&tar, '0', name, NULL, p, FILE_BYTES);
	}
	tar_finish(&tar);
	return filter("gzip -c", &tar, out);
}

static void
assert_same_points(const struct points *a, const struct points *b)
{
	assert_int_equal(points_count(a), points_count(b));
	for (uint32_t i = 0; i < points_count(a); i++) {
		struct restart_point x, y;
		uint32_t x_len, y_len;
		const void *p = points_packed_window(a, i, &x_len);
		const void *q = points_packed_window(b, i, &y_len);

		points_get(a, i, &x);
		points_get(b, i, &y);
		assert_int_equal(x.blob_off, y.blob_off);
		assert_int_equal(x.stream_off, y.stream_off);
		assert_int_equal(x.bits, y.bits);
		assert_int_equal(x_len, y_len);
		assert_memory_equal(p, q, x_len);
	}
}

static void
points_are_the_same_however_the_blob_came(void **state)
{
	static const size_t steps[] = { 1000, 16384, 70000 };
	AUTO_BUF struct buf b = BUF_INIT(MIB(64));
	AUTO_CONTENTS struct contents whole = { 0 };
	AUTO_POINTS struct points *points = NULL;
	struct err e = ERR_INIT;

	(void)state;
	if (!make_layer(&b))
		skip();
	assert_int_equal(
	    stream_bytes(b.data, b.len, b.len, &whole, NULL, &e), 0);
	points = contents_points(&whole);
	assert_in_range(points_count(points), MIN_POINTS, UINT32_MAX);
	for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
		AUTO_CONTENTS struct contents c = { 0 };
		AUTO_POINTS struct points *again = NULL;

		assert_int_equal(
		    stream_bytes(b.data, b.len, steps[i], &c, NULL, &e), 0);
		again = contents_points(&c);
		assert_same_points(points, again);
	}
}

static void
spans_give_their_files_by_windows_of_which_most_is_zeros(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT(MIB(64));
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_POINTS struct points *points = NULL;
	const struct format *f;
	struct err e = ERR_INIT;

	(void)state;
	if (!make_layer(&b))
		skip();
	assert_int_equal(stream_bytes(b.data, b.len, 70000, &c, &f, &e), 0);
	check_chunks(&c, f, b.data, b.len);
	points = contents_points(&c);
	assert_in_range(points_count(points), MIN_POINTS, UINT32_MAX);
	for (uint32_t i = 0; i < points_count(points); i++) {
		uint8_t room[RESTART_WINDOW_BYTES];
		struct restart_point p;

		assert_int_equal(points_window(points, i, room, &p, &e), 0);
		assert_int_equal(p.window_len, RESTART_WINDOW_BYTES);
		assert_in_range(count_kept(room, p.window_len), 1,
		    RESTART_WINDOW_BYTES / 2);
	}
}

/* ---- how long they are ---- */

struct watcher {
	struct stretch_taker taker;
	uint64_t first_span; /* how long it is; 0: none has ended */
};

static struct stretch *
empty(struct stretch_taker *t, struct err *e)
{
	(void)t;
	(void)e;
	return malloc(sizeof(struct stretch));
}

static int
take(struct stretch_taker *t, struct stretch *x, struct err *e)
{
	struct watcher *w = container_of(t, struct watcher, taker);

	(void)e;
	if (x->has_point && w->first_span == 0)
		w->first_span = x->stream_off;
	free(x);
	return 0;
}

/* The first of a blob that is said to be so large. */
static uint64_t
first_span(const struct buf *b, uint64_t blob_size)
{
	struct watcher w = { .taker = { empty, take } };
	struct err e = ERR_INIT;
	const struct format *f = format_match(b->data, b->len, &e);
	struct unpacker *u = f->unpacker_new(blob_size, &e);

	assert_int_equal(unpacker_feed(u, b->data, b->len, &w.taker, &e), 0);
	unpacker_free(u);
	return w.first_span;
}

static void
a_large_blobs_spans_are_larger(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT(MIB(64));

	(void)state;
	if (!make_layer(&b))
		skip();
	assert_in_range(first_span(&b, b.len), KIB(512), KIB(768));
	assert_in_range(first_span(&b, MIB(512)), MIB(1), KIB(1280));
	assert_in_range(first_span(&b, GIB(100)), KIB(1536), KIB(1792));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_are_the_same_however_the_blob_came),
		cmocka_unit_test(
		    spans_give_their_files_by_windows_of_which_most_is_zeros),
		cmocka_unit_test(a_large_blobs_spans_are_larger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
