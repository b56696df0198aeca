#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "format/layer_index.h"
#include "format/testing.h"
#include "format/testing_made.h"
#include "codec/points.h"
#include "codec/zstd.h"
#include "index/index.h"
#include "index/tree.h"
#include "index/writer.h"
#include "base/limits.h"

#include "layerfs/layer_index.h"

static int
read_index(const struct made *m, const struct buf *b, struct contents *out,
    struct err *e)
{
	struct toc_place place = { .blob_len = b->len,
		.digest_is_of_blob = true };

	digest_of(&place.digest, b->data, b->len);
	return format_layer_index.parse(
	    &m->layer, &place, b->data, b->len, out, e);
}

/* ---- a layer of all kinds ---- */

static void
add_header(struct buf *tar, char type, const char *name, const char *link)
{
	tar_add(tar, type, name, link, NULL, 0);
}

static void
add_noise(struct buf *tar, const char *name, size_t n)
{
	AUTO_FREE uint8_t *p = malloc(n);
	uint64_t v = n;

	for (size_t i = 0; i < n; i++) {
		v = v * 6364136223846793005u + 1442695040888963407u;
		p[i] = i % 64 < 40 ? 'x' : v >> 60;
	}
	tar_add(tar, '0', name, NULL, p, n);
}

static void
make_tar(struct buf *tar)
{
	static const uint8_t zeros[300000];

	buf_init(tar, MIB(64));
	add_header(tar, '5', "usr/", NULL);
	add_header(tar, '5', "usr/bin/", NULL);
	add_noise(tar, "usr/bin/large", 5 << 20);
	tar_add(tar, '0', "usr/bin/small", NULL, "small", 5);
	tar_add(tar, '0', "usr/bin/same", NULL, "small", 5);
	tar_add(tar, '0', "usr/empty", NULL, NULL, 0);
	tar_add(tar, '0', "usr/zeros", NULL, zeros, sizeof zeros);
	add_header(tar, '1', "usr/hard", "usr/bin/small");
	add_header(tar, '2', "usr/soft", "bin/small");
	add_header(tar, '3', "dev/null", NULL);
	add_header(tar, '6', "run/fifo", NULL);
	add_header(tar, '0', "etc/.wh.gone", NULL);
	add_header(tar, '0', "var/lib/.wh..wh..opq", NULL);
	add_header(tar, '5', "opaque/", NULL);
	add_header(tar, '0', "opaque/.wh..wh..opq", NULL);
	for (int i = 0; i < 300; i++) {
		char name[64];

		snprintf(
		    name, sizeof name, "usr/share/doc/%d/file-%d", i % 7, i);
		add_noise(tar, name, 1 + i * 37);
	}
	tar_finish(tar);
}

static struct made *
make_layer(struct buf *blob, size_t step)
{
	AUTO_BUF struct buf tar = { 0 };

	make_tar(&tar);
	buf_init(blob, MIB(64));
	assert_true(filter("gzip -n", &tar, blob));
	return made_new(blob, step);
}

static void
another_node_gets_the_same_tree_and_contents(void **state)
{
	AUTO_BUF struct buf blob = { 0 }, index = { 0 };
	struct made *m = make_layer(&blob, 70000);
	AUTO_CONTENTS struct contents got = { 0 };
	AUTO_FREE char *want_tree = NULL, *got_tree = NULL;
	struct err e = ERR_INIT;

	(void)state;
	made_place(m, 0, false);
	made_open(m);
	made_write_index(m, &index);
	if (read_index(m, &index, &got, &e) < 0)
		fail_msg("%s", e.msg);
	assert_non_null(got.points);
	assert_true(points_builder_count(got.points) > 3);
	check_chunks(&m->contents, m->format, m->blob.data, m->blob.len);
	check_chunks(&got, m->format, m->blob.data, m->blob.len);
	/* Last: it changes what the trees say of contents. */
	want_tree = contents_to_text(&m->contents);
	got_tree = contents_to_text(&got);
	assert_string_equal(got_tree, want_tree);
	made_free(m);
}

static void
every_node_writes_the_same_bytes(void **state)
{
	AUTO_BUF struct buf blob = { 0 }, blob_too = { 0 };
	AUTO_BUF struct buf one = { 0 }, other = { 0 };
	struct made *a = make_layer(&blob, 70000);
	struct made *b = make_layer(&blob_too, 1234);

	(void)state;
	made_place(a, 0, false);
	made_place(b, 1 << 30, true);
	made_open(a);
	made_open(b);
	made_write_index(a, &one);
	made_write_index(b, &other);
	assert_int_equal(one.len, other.len);
	assert_memory_equal(one.data, other.data, one.len);
	made_free(a);
	made_free(b);
}

static void
a_plain_tar_needs_no_points(void **state)
{
	AUTO_BUF struct buf tar = { 0 }, index = { 0 };
	AUTO_CONTENTS struct contents got = { 0 };
	struct err e = ERR_INIT;
	struct made *m;

	(void)state;
	make_tar(&tar);
	m = made_new(&tar, 4096);
	made_place(m, 0, false);
	made_open(m);
	made_write_index(m, &index);
	assert_int_equal(read_index(m, &index, &got, &e), 0);
	check_chunks(&got, m->format, m->blob.data, m->blob.len);
	made_free(m);
}

/* ---- what a stranger writes ---- */

/* The index with its tables plain. */
struct opened {
	struct layerfs_layer_index_header h;
	uint8_t *tables, *windows;
	size_t windows_len;
};

static void
open_index(const struct buf *b, struct opened *o)
{
	struct err e = ERR_INIT;
	AUTO_DECODER struct decoder *d = zstd_decoder_new(&e);
	struct decode_part part = { .is_all = true };

	memcpy(&o->h, b->data, sizeof o->h);
	o->tables = malloc(o->h.tables_len);
	part.in = b->data + sizeof o->h;
	part.in_len = o->h.frame_len;
	part.out = o->tables;
	part.out_len = o->h.tables_len;
	assert_int_equal(decoder_read_part(d, &part, &e), 0);
	o->windows = b->data + sizeof o->h + o->h.frame_len;
	o->windows_len = b->len - sizeof o->h - o->h.frame_len;
}

static void
close_index(const struct opened *o, struct buf *out)
{
	struct layerfs_layer_index_header h = o->h;
	struct err e = ERR_INIT;

	out->len = 0;
	buf_append(out, &h, sizeof h, &e);
	assert_int_equal(zstd_pack(out, o->tables, h.tables_len, 1, &e), 0);
	h.frame_len = out->len - sizeof h;
	memcpy(out->data, &h, sizeof h);
	buf_append(out, o->windows, o->windows_len, &e);
}

static void
an_index_of_another_layer_is_refused(void **state)
{
	AUTO_BUF struct buf blob = { 0 }, index = { 0 };
	struct made *m = make_layer(&blob, 70000);
	struct contents got = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	made_place(m, 0, false);
	made_open(m);
	made_write_index(m, &index);
	m->layer.digest.bytes[0] ^= 1;
	assert_fails(read_index(m, &index, &got, &e), e, EBADMSG);
	m->layer.digest.bytes[0] ^= 1;
	m->layer.size++;
	assert_fails(read_index(m, &index, &got, &e), e, EBADMSG);
	made_free(m);
}

static void
bytes_of_another_digest_are_refused(void **state)
{
	AUTO_BUF struct buf blob = { 0 }, index = { 0 };
	struct made *m = make_layer(&blob, 70000);
	struct toc_place place = { .digest_is_of_blob = true };
	struct contents got = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	made_place(m, 0, false);
	made_open(m);
	made_write_index(m, &index);
	assert_fails(format_layer_index.parse(
			 &m->layer, &place, index.data, index.len, &got, &e),
	    e, EBADMSG);
	made_free(m);
}

/* Wherever a bit is flipped: refused, or understood as another index, never
 * anything else. */
static void
damaged_tables_are_survived(void **state)
{
	AUTO_BUF struct buf blob = { 0 }, index = { 0 };
	struct made *m = make_layer(&blob, 70000);
	struct opened o;
	unsigned refused = 0, tried = 0;

	(void)state;
	made_place(m, 0, false);
	made_open(m);
	made_write_index(m, &index);
	open_index(&index, &o);
	for (size_t at = 0; at < o.h.tables_len; at += 61, tried++) {
		AUTO_BUF struct buf bad = BUF_INIT(MIB(64));
		AUTO_CONTENTS struct contents got = { 0 };
		struct err e = ERR_INIT;

		o.tables[at] ^= 0x81;
		close_index(&o, &bad);
		o.tables[at] ^= 0x81;
		refused += read_index(m, &bad, &got, &e) < 0;
	}
	assert_true(refused > tried / 10);
	free(o.tables);
	made_free(m);
}

static void
counts_that_are_not_there_are_refused(void **state)
{
	AUTO_BUF struct buf blob = { 0 }, index = { 0 };
	struct made *m = make_layer(&blob, 70000);
	struct opened o;

	(void)state;
	made_place(m, 0, false);
	made_open(m);
	made_write_index(m, &index);
	open_index(&index, &o);
	for (int i = 0; i < 8; i++) {
		AUTO_BUF struct buf bad = BUF_INIT(MIB(64));
		uint32_t *count = (uint32_t *[]){ &o.h.n_objects, &o.h.n_chunks,
			&o.h.n_points, &o.h.n_entries }[i / 2];
		struct contents got = { 0 };
		struct err e = ERR_INIT;

		*count += i % 2 == 0 ? 1 : -1;
		close_index(&o, &bad);
		assert_fails(read_index(m, &bad, &got, &e), e, EBADMSG);
		*count += i % 2 == 0 ? -1 : 1;
	}
	free(o.tables);
	made_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_node_gets_the_same_tree_and_contents),
		cmocka_unit_test(every_node_writes_the_same_bytes),
		cmocka_unit_test(a_plain_tar_needs_no_points),
		cmocka_unit_test(an_index_of_another_layer_is_refused),
		cmocka_unit_test(bytes_of_another_digest_are_refused),
		cmocka_unit_test(damaged_tables_are_survived),
		cmocka_unit_test(counts_that_are_not_there_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
