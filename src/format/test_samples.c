/* Blobs as real producers wrote them: one layer with most of what layers can
 * hold (whiteouts, an opaque folder, links, devices, attributes, sparse file,
 * names of all kinds), by skopeo and by stargz's ctr-remote. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/testing.h"

static const char *const names[] = { "podman", "stargz-zstd", "estargz" };

static void
for_each_sample(void (*check)(struct sample *s))
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct sample s;

		sample_load(&s, names[i]);
		check(&s);
		sample_release(&s);
	}
}

/* Lines that lazy and streamed trees may differ in: stargz's own files, and the
 * one name that is no UTF-8, which JSON cannot hold. */
static char *
comparable(char *text)
{
	char *out = calloc(1, strlen(text) + 1), *at = text;

	for (char *line; (line = strsep(&at, "\n")) != NULL;)
		if (strstr(line, ".landmark ") == NULL &&
		    strstr(line, "stargz.index.json ") == NULL &&
		    strstr(line, "/latin1-") == NULL) {
			strcat(out, line);
			strcat(out, "\n");
		}
	free(text);
	return out;
}

static void
compare_with_stream(struct sample *s)
{
	AUTO_CONTENTS struct contents lazy = { 0 }, streamed = { 0 };
	AUTO_FREE char *a = NULL, *b = NULL;
	struct err e = ERR_INIT;

	assert_non_null(sample_parse(s, &lazy, &e));
	assert_int_equal(
	    stream_bytes(s->blob.data, s->blob.len, 1000, &streamed, NULL, &e),
	    0);
	a = comparable(contents_to_text(&lazy));
	b = comparable(contents_to_text(&streamed));
	assert_string_equal(a, b);
	assert_non_null(strstr(a, "/srv/gone 20000 "));
	assert_non_null(strstr(a, "/srv/opaque trusted.overlay.opaque=79"));
	assert_non_null(
	    strstr(a, "/srv/odd/xattrs user.binary=00ff80fe0a3d00"));
	assert_non_null(strstr(a, "/srv/odd/dev/null 20644 "));
	assert_non_null(strstr(a, "/srv/odd/suid 106755 "));
	assert_non_null(strstr(a, "/srv/odd/hardlink-to-long 100644 0:0 5 "
				  "links 2 "));
}

static void
the_table_says_what_unpacking_the_blob_says(void **state)
{
	(void)state;
	for_each_sample(compare_with_stream);
}

static void
verify_lazy(struct sample *s)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e = ERR_INIT;

	assert_non_null(sample_parse(s, &c, &e));
	check_chunks(&c, NULL, s->blob.data, s->blob.len);
}

static void
every_chunk_of_the_table_decodes_to_its_digest(void **state)
{
	(void)state;
	for_each_sample(verify_lazy);
}

static void
verify_streamed(struct sample *s)
{
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *text = NULL;
	const struct format *f;
	struct err e = ERR_INIT;

	assert_int_equal(
	    stream_bytes(s->blob.data, s->blob.len, 4096, &c, &f, &e), 0);
	check_chunks(&c, f, s->blob.data, s->blob.len);
	/* Made of small frames or members: no part needs the whole blob. */
	text = chunks_to_text(&c);
	assert_null(strstr(text, "stream"));
}

static void
every_chunk_of_the_stream_decodes_to_its_digest(void **state)
{
	(void)state;
	for_each_sample(verify_streamed);
}

static void
forget_position(struct descriptor *d)
{
	for (size_t i = 0; i < d->n_annotations; i++)
		if (strstr(d->annotations[i].key, "position") != NULL)
			d->annotations[i].key[0] = 'x';
}

static void
compare_footer(struct sample *s)
{
	AUTO_CONTENTS struct contents by_annotation = { 0 }, by_footer = { 0 };
	AUTO_FREE char *a = NULL, *b = NULL;
	struct err e = ERR_INIT;

	assert_non_null(sample_parse(s, &by_annotation, &e));
	forget_position(&s->layer);
	assert_non_null(sample_parse(s, &by_footer, &e));
	a = chunks_to_text(&by_annotation);
	b = chunks_to_text(&by_footer);
	assert_string_equal(a, b);
}

static void
the_footer_says_what_the_annotations_say(void **state)
{
	(void)state;
	for_each_sample(compare_footer);
}

static void
forget_annotations(struct sample *s)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e = ERR_INIT;

	for (size_t i = 0; i < s->layer.n_annotations; i++)
		s->layer.annotations[i].key[0] = 'x';
	assert_null(sample_parse(s, &c, &e));
	assert_int_equal(e.code, 0);
}

static void
a_table_that_nothing_vouches_for_is_not_looked_at(void **state)
{
	(void)state;
	for_each_sample(forget_annotations);
}

/* Somewhere inside the table: everything but the frames' contents. */
static void
damage_table(struct sample *s)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e = ERR_INIT;

	s->blob.data[s->blob.len - 700] ^= 1;
	assert_null(sample_parse(s, &c, &e));
	assert_int_equal(e.code, EBADMSG);
}

static void
a_table_with_a_flipped_bit_is_refused(void **state)
{
	(void)state;
	for_each_sample(damage_table);
}

static void
cut_tail(struct sample *s)
{
	AUTO_CONTENTS struct contents c = { 0 };
	struct err e = ERR_INIT;

	forget_position(&s->layer);
	for (size_t n = 1; n < 80; n++) {
		s->blob.len -= 1;
		s->layer.size -= 1;
		assert_null(sample_parse(s, &c, &e));
		assert_int_equal(e.code, EBADMSG);
	}
}

static void
a_blob_without_its_footer_is_refused(void **state)
{
	(void)state;
	for_each_sample(cut_tail);
}

static void
cut_stream(struct sample *s)
{
	struct err e = ERR_INIT;

	for (size_t n = 1; n < s->blob.len; n += 997) {
		AUTO_CONTENTS struct contents c = { 0 };
		int rc = stream_bytes(
		    s->blob.data, s->blob.len - n, 65536, &c, NULL, &e);

		/* What is cut may be after the tar's end. */
		if (rc < 0)
			assert_int_equal(e.code, EBADMSG);
	}
}

static void
a_truncated_blob_is_refused_or_complete(void **state)
{
	(void)state;
	for_each_sample(cut_stream);
}

static void
the_landmark_is_a_hint_and_no_file(void **state)
{
	AUTO_CONTENTS struct contents c = { 0 };
	AUTO_FREE char *text = NULL;
	struct err e = ERR_INIT;
	struct sample s;

	(void)state;
	sample_load(&s, "estargz");
	assert_non_null(sample_parse(&s, &c, &e));
	text = contents_to_text(&c);
	assert_null(strstr(text, "landmark"));
	assert_int_equal(prefetch_of(&c), 383);
	sample_release(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_says_what_unpacking_the_blob_says),
		cmocka_unit_test(
		    every_chunk_of_the_table_decodes_to_its_digest),
		cmocka_unit_test(
		    every_chunk_of_the_stream_decodes_to_its_digest),
		cmocka_unit_test(the_footer_says_what_the_annotations_say),
		cmocka_unit_test(
		    a_table_that_nothing_vouches_for_is_not_looked_at),
		cmocka_unit_test(a_table_with_a_flipped_bit_is_refused),
		cmocka_unit_test(a_blob_without_its_footer_is_refused),
		cmocka_unit_test(a_truncated_blob_is_refused_or_complete),
		cmocka_unit_test(the_landmark_is_a_hint_and_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
