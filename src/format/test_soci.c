/* Tables as Debian 13's soci wrote them (tests/lib/soci.py made the layers):
 * of one gzip member, of several, of one whose header names a file, and of the
 * first layer's plain tar. */
#include <errno.h>
#include <string.h>

#include "format/soci_index.h"
#include "format/testing.h"
#include "codec/gzip.h"
#include "codec/points.h"
#include "base/limits.h"

enum { TAR_MAX = 1 << 20 };

struct soci_sample {
	struct descriptor layer;
	struct buf blob, tar, table;
	struct contents contents;
};

/* All that a row of members decodes to. */
static void
inflate(const struct buf *in, struct buf *out)
{
	AUTO_DECODER struct decoder *d = NULL;
	struct decode_step s = { .in = in->data, .in_len = in->len };
	struct err e = ERR_INIT;

	assert_int_equal(buf_reserve(out, TAR_MAX, &e), 0);
	d = gzip_decoder_new(&e);
	s.out = out->data;
	s.out_len = TAR_MAX;
	while (s.in_len > 0)
		assert_int_not_equal(decoder_step(d, &s, &e), DECODE_FAILED);
	out->len = TAR_MAX - s.out_len;
}

static int
parse(struct soci_sample *s, struct contents *out, struct err *e)
{
	struct toc_place place = { .blob_len = s->table.len };

	digest_of(&place.digest, s->table.data, s->table.len);
	return format_soci.parse(
	    &s->layer, &place, s->table.data, s->table.len, out, e);
}

/* Of a gzip layer, or of the tar in it. */
static void
load_sample(
    struct soci_sample *s, const char *blob, const char *table, bool is_plain)
{
	struct err e = ERR_INIT;

	*s = (struct soci_sample){ .layer.media_type = "" };
	buf_init(&s->blob, TAR_MAX);
	buf_init(&s->tar, TAR_MAX);
	buf_init(&s->table, TAR_MAX);
	testdata_load(blob, ".blob", &s->blob);
	testdata_load(table, ".ztoc", &s->table);
	inflate(&s->blob, &s->tar);
	if (is_plain) {
		buf_release(&s->blob);
		assert_int_equal(
		    buf_append(&s->blob, s->tar.data, s->tar.len, &e), 0);
	}
	s->layer.size = s->blob.len;
	if (parse(s, &s->contents, &e) < 0)
		fail_msg("%s: %s", table, e.msg);
}

static void
release_sample(struct soci_sample *s)
{
	buf_release(&s->blob);
	buf_release(&s->tar);
	buf_release(&s->table);
	contents_release(&s->contents);
}

static void
for_each_sample(void (*check)(struct soci_sample *s))
{
	static const struct {
		const char *blob, *table;
		bool is_plain;
	} samples[] = {
		{ "soci-one", "soci-one", false },
		{ "soci-members", "soci-members", false },
		{ "soci-named", "soci-named", false },
		{ "soci-one", "soci-plain", true },
	};

	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
		struct soci_sample s;

		load_sample(
		    &s, samples[i].blob, samples[i].table, samples[i].is_plain);
		check(&s);
		release_sample(&s);
	}
}

/* ---- trees ---- */

static void
compare_with_stream(struct soci_sample *s)
{
	AUTO_CONTENTS struct contents streamed = { 0 };
	AUTO_FREE char *a = NULL, *b = NULL;
	struct err e = ERR_INIT;

	assert_int_equal(
	    stream_bytes(s->blob.data, s->blob.len, 1000, &streamed, NULL, &e),
	    0);
	a = contents_to_text(&s->contents);
	b = contents_to_text(&streamed);
	assert_string_equal(a, b);
	assert_non_null(strstr(a, "/srv/gone 20000 "));
	assert_non_null(strstr(a, "/srv/opaque trusted.overlay.opaque=79"));
	assert_non_null(strstr(a, "/srv/odd/xattrs user.binary=00013d0a"));
	assert_non_null(strstr(a, "/srv/odd/suid 106755 70000:70000 "));
	assert_non_null(strstr(a, "/srv/odd/time 100644 0:0 2 links 1 "
				  "@1700000000.123456789 "));
	assert_non_null(strstr(a, "/srv/odd/latin-\xe9 "));
}

static void
the_table_says_what_unpacking_the_blob_says(void **state)
{
	(void)state;
	for_each_sample(compare_with_stream);
}

/* ---- contents ---- */

static void
decode(const struct chunk *c, const struct restart_point *point,
    const uint8_t *range, uint8_t *out)
{
	AUTO_DECODER struct decoder *d = NULL;
	struct decode_part part = { .in = range,
		.in_len = c->blob_len,
		.skip = c->inner_off,
		.out = out,
		.out_len = c->len,
		.restart = point };
	struct err e = ERR_INIT;

	if (point->is_stored) {
		assert_true(c->inner_off + c->len <= c->blob_len);
		memcpy(out, range + c->inner_off, c->len);
		return;
	}
	d = gzip_decoder_new(&e);
	if (decoder_read_part(d, &part, &e) < 0)
		fail_msg("%s", e.msg);
}

static void
check_chunk(const struct soci_sample *s, const struct points *points,
    const struct chunk *c)
{
	AUTO_FREE uint8_t *bytes = malloc(c->len);
	const uint8_t *range = s->blob.data + c->blob_off;
	uint8_t room[RESTART_WINDOW_BYTES];
	struct restart_point point;
	struct digest got;
	struct err e = ERR_INIT;
	uint32_t i;

	assert_int_equal(c->codec, CHUNK_SPAN);
	assert_true(c->blob_off + c->blob_len <= s->blob.len);
	assert_true(points_find(points, c->blob_off, &i));
	assert_int_equal(points_window(points, i, room, &point, &e), 0);
	digest_of(&got, range, c->blob_len);
	assert_true(point.has_digest);
	assert_true(digest_equal(&got, &point.digest));
	decode(c, &point, range, bytes);
	assert_memory_equal(
	    bytes, s->tar.data + point.stream_off + c->inner_off, c->len);
}

static void
check_spans(struct soci_sample *s)
{
	AUTO_POINTS struct points *points = contents_points(&s->contents);
	uint32_t n;
	const struct chunk *c = map_builder_chunks(s->contents.map, &n);

	assert_true(n > 0);
	for (; n > 0; n--, c++)
		check_chunk(s, points, c);
}

static void
every_chunk_decodes_from_a_span_that_its_digest_vouches_for(void **state)
{
	(void)state;
	for_each_sample(check_spans);
}

static void
a_table_of_another_digest_is_refused(void **state)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct toc_place place = { 0 };
	struct soci_sample s;
	struct err e = ERR_INIT;

	(void)state;
	load_sample(&s, "soci-named", "soci-named", false);
	assert_fails(format_soci.parse(
			 &s.layer, &place, s.table.data, s.table.len, &c, &e),
	    e, EBADMSG);
	release_sample(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_says_what_unpacking_the_blob_says),
		cmocka_unit_test(
		    every_chunk_decodes_from_a_span_that_its_digest_vouches_for),
		cmocka_unit_test(a_table_of_another_digest_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
