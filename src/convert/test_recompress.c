/* From a blob in a layout folder to a zstd:chunked one, and what format/ makes of
 * that. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "convert/press.h"
#include "convert/recompress.h"
#include "convert/wish.h"
#include "format/testing.h"
#include "registry/source.h"
#include "codec/zstd.h"
#include "base/limits.h"
#include "base/test_folder.h"

/* ---- a layer in a folder, and what becomes of it ---- */

struct bench {
	struct folder *folder;
	struct source *source;
	struct buf tar;
	struct descriptor layer;
	struct digest diff_id;
	const struct wish *wish;
};

static int
set_up(void **s)
{
	struct bench *b = calloc(1, sizeof *b);
	struct err e;

	assert_non_null(b);
	assert_int_equal(make_folder((void **)&b->folder), 0);
	assert_int_equal(
	    fs_make_dirs(b->folder->fd, "blobs/sha256", 0755, &e), 0);
	b->source = source_new_layout(dup(b->folder->fd), "test", &e);
	assert_non_null(b->source);
	buf_init(&b->tar, MIB(64));
	*s = b;
	return 0;
}

static int
tear_down(void **s)
{
	struct bench *b = *s;

	source_unref(b->source);
	buf_release(&b->tar);
	free(b->layer.media_type);
	remove_folder((void **)&b->folder);
	free(b);
	return 0;
}

/* Its tar as it is is a blob, too. */
static void
put_blob(struct bench *b, const void *p, size_t n)
{
	char name[sizeof "blobs/sha256/" + DIGEST_HEX_SIZE];
	struct err e;

	digest_of(&b->layer.digest, p, n);
	b->layer.size = n;
	if (b->layer.media_type == NULL)
		b->layer.media_type = strdup("");
	snprintf(
	    name, sizeof name, "blobs/sha256/%s", DIGEST_HEX(&b->layer.digest));
	assert_int_equal(
	    fs_replace_file(b->folder->fd, name, p, n, 0644, &e), 0);
}

static void
finish(struct bench *b)
{
	tar_finish(&b->tar);
	digest_of(&b->diff_id, b->tar.data, b->tar.len);
	put_blob(b, b->tar.data, b->tar.len);
}

/* As a sample, for format/testing.h. */
static int
convert(struct bench *b, unsigned threads, struct sample *out,
    struct recompressed *made, struct err *e)
{
	struct press *press = press_new(3, threads, e);
	struct recompress r = {
		.source = b->source,
		.layer = &b->layer,
		.diff_id = &b->diff_id,
		.press = press,
		.fd = memfd_create("blob", MFD_CLOEXEC),
		.wish = b->wish,
		.spool_fd = memfd_create("tar", MFD_CLOEXEC),
	};
	int rc;

	*made = (struct recompressed){ 0 };
	*out =
	    (struct sample){ .name = "converted", .blob = BUF_INIT(MIB(64)) };
	rc = recompress(&r, made, e);
	if (rc == 0) {
		assert_int_equal(fs_read_all(r.fd, &out->blob, e), 0);
		out->layer = made->descriptor;
		assert_int_equal(out->blob.len, out->layer.size);
	}
	close(r.fd);
	close(r.spool_fd);
	press_free(press);
	return rc;
}

static void
fill(uint8_t *p, size_t n, unsigned seed)
{
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = x >> 24;
	}
}

/* Folders, links, files of no bytes, few, and several batches. */
static void
add_everything(struct bench *b)
{
	size_t n = MIB(5) + 321;
	uint8_t *noise = malloc(n);

	assert_non_null(noise);
	fill(noise, n, 1);
	memset(noise + KIB(100), 0, KIB(50));
	memset(noise + MIB(3), 0, MIB(1) + 5000);
	tar_add(&b->tar, '5', "etc/", NULL, NULL, 0);
	tar_add(&b->tar, '0', "etc/empty", NULL, NULL, 0);
	tar_add(&b->tar, '0', "etc/\"quoted\"\n", NULL, "hello\n", 6);
	tar_add(&b->tar, '0', "big", NULL, noise, n);
	tar_add(&b->tar, '1', "hard", "big", NULL, 0);
	tar_add(&b->tar, '2', "etc/soft", "../big", NULL, 0);
	tar_add(&b->tar, '0', "etc/.wh.gone", NULL, NULL, 0);
	for (int i = 0; i < 3000; i++) {
		char name[32];

		snprintf(name, sizeof name, "many/%d", i);
		tar_add(&b->tar, '0', name, NULL, noise + i, i);
	}
	free(noise);
}

/* ---- tests ---- */

static void
assert_gives_tar(const struct bench *b, const struct sample *s)
{
	struct err e;
	AUTO_DECODER struct decoder *d = zstd_decoder_new(&e);
	AUTO_BUF struct buf out = BUF_INIT(MIB(64));
	struct decode_part part = {
		.in = s->blob.data,
		.in_len = s->blob.len,
		.out_len = b->tar.len,
		.is_all = true,
	};

	assert_int_equal(buf_reserve(&out, b->tar.len, &e), 0);
	part.out = out.data;
	assert_int_equal(decoder_read_part(d, &part, &e), 0);
	assert_memory_equal(out.data, b->tar.data, b->tar.len);
}

static void
the_table_says_what_the_tar_says(void **state)
{
	struct bench *b = *state;
	struct sample s;
	struct recompressed made;
	struct contents table = { 0 }, tar = { 0 };
	const struct format *f;
	char *is, *want;
	struct err e;

	add_everything(b);
	finish(b);
	assert_int_equal(convert(b, 2, &s, &made, &e), 0);
	assert_null(made.misfit);
	assert_int_equal(made.tar_bytes, b->tar.len);
	assert_gives_tar(b, &s);
	f = sample_parse(&s, &table, &e);
	assert_string_equal(f->name, "zstd:chunked");
	check_chunks(&table, f, s.blob.data, s.blob.len);
	assert_int_equal(
	    stream_bytes(b->tar.data, b->tar.len, 100000, &tar, &f, &e), 0);
	is = contents_to_text(&table);
	want = contents_to_text(&tar);
	assert_string_equal(is, want);
	free(is);
	free(want);
	contents_release(&table);
	contents_release(&tar);
	sample_release(&s);
}

static void
any_number_of_threads_makes_the_same(void **state)
{
	struct bench *b = *state;
	struct sample one, four;
	struct recompressed made;
	struct err e;

	add_everything(b);
	finish(b);
	assert_int_equal(convert(b, 1, &one, &made, &e), 0);
	assert_int_equal(convert(b, 4, &four, &made, &e), 0);
	assert_int_equal(one.blob.len, four.blob.len);
	assert_memory_equal(one.blob.data, four.blob.data, one.blob.len);
	sample_release(&one);
	sample_release(&four);
}

static void
an_empty_layer_has_an_empty_table(void **state)
{
	struct bench *b = *state;
	struct sample s;
	struct recompressed made;
	struct contents c = { 0 };
	struct err e;

	finish(b);
	assert_int_equal(convert(b, 1, &s, &made, &e), 0);
	assert_null(made.misfit);
	assert_gives_tar(b, &s);
	assert_non_null(sample_parse(&s, &c, &e));
	contents_release(&c);
	sample_release(&s);
}

/* The frames give b's tar after this. */
static void
take_tar(struct bench *b, const struct sample *s)
{
	struct err e;
	AUTO_DECODER struct decoder *d = zstd_decoder_new(&e);
	struct decode_part part = {
		.in = s->blob.data,
		.in_len = s->blob.len,
		.out = b->tar.data,
		.out_len = b->tar.len,
		.is_all = true,
	};

	assert_int_equal(decoder_read_part(d, &part, &e), 0);
}

static void
what_is_wished_comes_first_and_the_tar_is_another_one(void **state)
{
	static const char *paths[] = { "none", "many/2999", "hard" };
	const struct wish wish = { .paths = paths, .n = 3 };
	struct bench *b = *state;
	struct sample s;
	struct recompressed made;
	struct contents table = { 0 }, tar = { 0 };
	const struct format *f;
	struct digest is;
	char *after, *before;
	struct err e;

	add_everything(b);
	finish(b);
	assert_int_equal(
	    stream_bytes(b->tar.data, b->tar.len, 100000, &tar, &f, &e), 0);
	before = contents_to_text(&tar);
	b->wish = &wish;
	assert_int_equal(convert(b, 2, &s, &made, &e), 0);
	assert_null(made.misfit);
	take_tar(b, &s);
	digest_of(&is, b->tar.data, b->tar.len);
	assert_true(digest_equal(&made.diff_id, &is));
	assert_false(digest_equal(&made.diff_id, &b->diff_id));
	assert_string_equal((char *)b->tar.data, "many/2999");
	f = sample_parse(&s, &table, &e);
	check_chunks(&table, f, s.blob.data, s.blob.len);
	after = contents_to_text(&table);
	assert_string_equal(after, before);
	free(after);
	free(before);
	contents_release(&table);
	contents_release(&tar);
	sample_release(&s);
}

static void
what_cannot_be_moved_stays(void **state)
{
	static const char *paths[] = { "many/7" };
	const struct wish wish = { .paths = paths, .n = 1 };
	struct bench *b = *state;
	struct sample s;
	struct recompressed made;
	struct err e;

	add_everything(b);
	tar_add(&b->tar, '0', "./etc//empty", NULL, "x", 1);
	finish(b);
	b->wish = &wish;
	assert_int_equal(convert(b, 2, &s, &made, &e), 0);
	assert_true(digest_equal(&made.diff_id, &b->diff_id));
	assert_gives_tar(b, &s);
	sample_release(&s);
}

/* A layer whose last entry does not fit is frames alone. */
static void
assert_misfit(struct bench *b, const char *why)
{
	struct sample s;
	struct recompressed made;
	struct err e;

	finish(b);
	assert_int_equal(convert(b, 2, &s, &made, &e), 0);
	assert_non_null(made.misfit);
	assert_string_equal(made.misfit, why);
	assert_int_equal(made.descriptor.n_annotations, 0);
	assert_gives_tar(b, &s);
	sample_release(&s);
}

static void
a_name_that_is_no_utf8_costs_the_table(void **state)
{
	struct bench *b = *state;

	add_everything(b);
	tar_add(&b->tar, '0', "latin1-\xe9", NULL, "x", 1);
	assert_misfit(b, "a name that is no UTF-8");
}

static void
two_entries_of_one_name_cost_the_table(void **state)
{
	struct bench *b = *state;

	add_everything(b);
	tar_add(&b->tar, '0', "./etc//empty", NULL, "x", 1);
	assert_misfit(b, "two entries of one name");
}

static void
an_old_type_costs_the_table(void **state)
{
	struct bench *b = *state;

	tar_add(&b->tar, '7', "contiguous", NULL, "x", 1);
	assert_misfit(b, "an entry of an old or rare type");
}

static void
a_link_to_what_is_not_there_costs_the_table(void **state)
{
	struct bench *b = *state;

	add_everything(b);
	tar_add(&b->tar, '1', "dangling", "not/there", NULL, 0);
	assert_misfit(b, "a hard link to what is not there, or the like");
}

/* Whoever unpacks the tar replaces the folder. */
static void
a_link_to_what_was_replaced_costs_the_table(void **state)
{
	struct bench *b = *state;

	tar_add(&b->tar, '0', "a/b", NULL, "x", 1);
	tar_add(&b->tar, '0', "a", NULL, "y", 1);
	tar_add(&b->tar, '1', "c", "a/b", NULL, 0);
	assert_misfit(b, "a hard link to what is not there, or the like");
}

static void
a_wrong_blob_is_refused(void **state)
{
	struct bench *b = *state;
	struct sample s;
	struct recompressed made;
	struct err e;
	char name[sizeof "blobs/sha256/" + DIGEST_HEX_SIZE];

	add_everything(b);
	finish(b);
	b->tar.data[b->tar.len / 2] ^= 1;
	snprintf(
	    name, sizeof name, "blobs/sha256/%s", DIGEST_HEX(&b->layer.digest));
	assert_int_equal(fs_replace_file(b->folder->fd, name, b->tar.data,
			     b->tar.len, 0644, &e),
	    0);
	assert_fails(convert(b, 2, &s, &made, &e), e, EBADMSG);
	assert_non_null(strstr(e.msg, "its bytes have the digest"));
}

static void
another_tar_than_the_configs_is_refused(void **state)
{
	struct bench *b = *state;
	struct sample s;
	struct recompressed made;
	struct err e;

	add_everything(b);
	finish(b);
	b->diff_id.bytes[7] ^= 1;
	assert_fails(convert(b, 2, &s, &made, &e), e, EBADMSG);
	assert_non_null(strstr(e.msg, "config"));
}

static void
a_tar_that_is_cut_off_is_refused(void **state)
{
	struct bench *b = *state;
	struct sample s;
	struct recompressed made;
	struct err e;

	add_everything(b);
	b->tar.len = MIB(1);
	digest_of(&b->diff_id, b->tar.data, b->tar.len);
	put_blob(b, b->tar.data, b->tar.len);
	assert_fails(convert(b, 2, &s, &made, &e), e, EBADMSG);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_table_says_what_the_tar_says),
		TEST(any_number_of_threads_makes_the_same),
		TEST(an_empty_layer_has_an_empty_table),
		TEST(what_is_wished_comes_first_and_the_tar_is_another_one),
		TEST(what_cannot_be_moved_stays),
		TEST(a_name_that_is_no_utf8_costs_the_table),
		TEST(two_entries_of_one_name_cost_the_table),
		TEST(an_old_type_costs_the_table),
		TEST(a_link_to_what_is_not_there_costs_the_table),
		TEST(a_link_to_what_was_replaced_costs_the_table),
		TEST(a_wrong_blob_is_refused),
		TEST(another_tar_than_the_configs_is_refused),
		TEST(a_tar_that_is_cut_off_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
