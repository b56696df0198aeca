#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fake_floors.h"
#include "runtime/store_info.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "base/doc.h"
#include "base/test.h"

#define TOC       \
	"sha256:" \
	"00000000000000000000000000000000000000000000000000000000000000aa"

static struct annotation newer[] = {
	{ "io.github.containers.zstd-chunked.manifest-checksum", TOC },
};
static struct annotation stargz[] = {
	{ "other", "x" },
	{ "containerd.io/snapshot/stargz/toc.digest", TOC },
};

static struct layer contents = { .size = 77 };

/* Three layers: gzip with a table, plain, zstd with one. */
static struct image *
image(void)
{
	static struct descriptor layers[3] = {
		{ .media_type =
			"application/vnd.docker.image.rootfs.diff.tar.gzip",
		    .size = 10,
		    .annotations = stargz,
		    .n_annotations = 2 },
		{ .media_type = "application/vnd.oci.image.layer.v1.tar",
		    .size = 20 },
		{ .media_type = "application/vnd.oci.image.layer.v1.tar+zstd",
		    .size = 30,
		    .annotations = newer,
		    .n_annotations = 1 },
	};
	static struct layer *open[3] = { &contents, &contents, &contents };
	static struct image i = { .label = "test:1", .layers = open };

	for (int k = 0; k < 3; k++)
		layers[k].digest = fake_layer(k);
	i.manifest.layers = layers;
	i.manifest.n_layers = 3;
	return &i;
}

static void
a_layer_is_found_by_either_digest(void **state)
{
	struct digest d = fake_layer(1), toc, absent = fake_layer(9);
	bool is_toc;
	int layer;
	struct err e;

	(void)state;
	assert_int_equal(store_info_find(image(), &d, &layer, &is_toc, &e), 0);
	assert_int_equal(layer, 1);
	assert_false(is_toc);
	assert_int_equal(digest_parse(&toc, TOC, &e), 0);
	assert_int_equal(
	    store_info_find(image(), &toc, &layer, &is_toc, &e), 0);
	assert_int_equal(layer, 0);
	assert_true(is_toc);
	assert_fails(
	    store_info_find(image(), &absent, &layer, &is_toc, &e), e, ENOENT);
}

static int64_t
number(const struct doc *o, const char *key)
{
	assert_non_null(doc_find(o, key));
	return doc_int(doc_find(o, key));
}

static struct doc *
info(int layer, bool is_toc)
{
	struct err e;
	AUTO_FREE char *text = store_info_write(image(), layer, is_toc, &e);

	assert_non_null(text);
	return doc_parse_json(text, strlen(text), &e);
}

static void
older_podmans_get_the_blobs_digest_and_the_diff_id(void **state)
{
	static const int compression[] = { 2, 0, 4 };
	struct digest blob;

	(void)state;
	for (int k = 0; k < 3; k++) {
		AUTO_DOC struct doc *o = info(k, false);

		blob = fake_layer(k);
		assert_int_equal(number(o, "compression"), compression[k]);
		assert_int_equal(number(o, "compressed-size"), 10 * (k + 1));
		assert_int_equal(number(o, "diff-size"), 77);
		assert_string_equal(
		    doc_string(doc_find(o, "compressed-diff-digest")),
		    DIGEST_TEXT(&blob));
		assert_non_null(doc_find(o, "diff-digest"));
		assert_null(doc_find(o, "toc-digest"));
	}
}

static void
newer_podmans_get_the_tables_digest(void **state)
{
	AUTO_DOC struct doc *o = info(2, true);
	const struct doc *flags = doc_find(o, "flags");

	(void)state;
	assert_string_equal(doc_string(doc_find(o, "toc-digest")), TOC);
	assert_non_null(doc_find(flags, "expected-layer-diffid"));
	assert_null(doc_find(o, "diff-digest"));
	assert_null(doc_find(o, "compressed-diff-digest"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_layer_is_found_by_either_digest),
		cmocka_unit_test(
		    older_podmans_get_the_blobs_digest_and_the_diff_id),
		cmocka_unit_test(newer_podmans_get_the_tables_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
