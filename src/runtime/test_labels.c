#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/labels.h"
#include "base/doc.h"
#include "base/test.h"

#define HEX64(c) c c c c c c c c c c c c c c c c
#define DIGEST(c) "sha256:" HEX64(c c c c)
#define CHAIN DIGEST("a")
#define LAYER DIGEST("b")
#define MANIFEST DIGEST("c")

static struct doc *
parse(const char *json)
{
	struct err e = ERR_INIT;
	struct doc *labels = doc_parse_json(json, strlen(json), &e);

	if (labels == NULL)
		fail_msg("%s", e.msg);
	return labels;
}

static bool
find_remote(struct doc *labels, struct remote_request *r)
{
	struct err e = ERR_INIT;
	bool is_remote;

	if (labels_find_remote(labels, r, &is_remote, &e) < 0)
		fail_msg("%s", e.msg);
	return is_remote;
}

static void
cris_labels_name_image_manifest_and_layer(void **state)
{
	AUTO_DOC struct doc *labels =
	    parse("{\"containerd.io/snapshot.ref\": \"" CHAIN "\","
		  " \"containerd.io/snapshot/cri.image-ref\": \"host/a:1\","
		  " \"containerd.io/snapshot/cri.layer-digest\": \"" LAYER "\","
		  " \"containerd.io/snapshot/cri.image-layers\": \"" LAYER "\","
		  " \"containerd.io/snapshot/cri.manifest-digest\": \"" MANIFEST
		  "\"}");
	struct remote_request r;

	(void)state;
	assert_true(find_remote(labels, &r));
	assert_string_equal(DIGEST_TEXT(&r.chain), CHAIN);
	assert_string_equal(r.reference, "host/a:1");
	assert_true(r.has_layer && r.has_manifest);
	assert_string_equal(DIGEST_TEXT(&r.layer), LAYER);
	assert_string_equal(DIGEST_TEXT(&r.manifest), MANIFEST);
}

static void
ctr_remotes_labels_name_image_and_layer(void **state)
{
	AUTO_DOC struct doc *labels = parse(
	    "{\"containerd.io/snapshot.ref\": \"" CHAIN "\","
	    " \"containerd.io/snapshot/remote/stargz.reference\": \"a:1\","
	    " \"containerd.io/snapshot/remote/stargz.digest\": \"" LAYER "\"}");
	struct remote_request r;

	(void)state;
	assert_true(find_remote(labels, &r));
	assert_string_equal(r.reference, "a:1");
	assert_true(r.has_layer && !r.has_manifest);
	assert_string_equal(DIGEST_TEXT(&r.layer), LAYER);
}

static void
a_chain_alone_is_a_request_and_nothing_is_none(void **state)
{
	AUTO_DOC struct doc *chain =
	    parse("{\"containerd.io/snapshot.ref\": \"" CHAIN "\"}");
	AUTO_DOC struct doc *none = doc_new_object();
	struct remote_request r;

	(void)state;
	assert_true(find_remote(chain, &r));
	assert_null(r.reference);
	assert_false(r.has_layer || r.has_manifest);
	assert_false(find_remote(none, &r));
}

static void
a_digest_that_is_none_is_refused(void **state)
{
	AUTO_DOC struct doc *labels =
	    parse("{\"containerd.io/snapshot.ref\": \"sha256:1\"}");
	struct remote_request r;
	bool is_remote;
	struct err e;

	(void)state;
	assert_fails(labels_find_remote(labels, &r, &is_remote, &e), e, EINVAL);
}

static int
map(const char *uids, const char *gids, struct label_maps *out)
{
	AUTO_DOC struct doc *labels = doc_new_object();
	struct err e = ERR_INIT;
	bool is_mapped;
	int rc;

	if (uids != NULL)
		doc_set_string(labels, LABEL_UIDS, uids);
	if (gids != NULL)
		doc_set_string(labels, LABEL_GIDS, gids);
	rc = labels_find_maps(labels, out, &is_mapped, &e);
	assert_int_equal(is_mapped, uids != NULL || gids != NULL);
	return rc;
}

static void
ids_are_mapped_range_by_range(void **state)
{
	struct label_maps m;

	(void)state;
	assert_int_equal(map(NULL, NULL, &m), 0);
	assert_int_equal(map("0:1000:65536", "0:2000:1", &m), 0);
	assert_int_equal(label_map_root(&m.uids), 1000);
	assert_int_equal(label_map_root(&m.gids), 2000);
	assert_int_equal(m.gids.n, 1);
	assert_int_equal(m.gids.ranges[0].count, 1);
	assert_int_equal(map("5:9:1,0:4294967294:1", NULL, &m), 0);
	assert_int_equal(m.uids.n, 2);
	assert_int_equal(m.uids.ranges[0].inside, 5);
	assert_int_equal(m.uids.ranges[0].outside, 9);
	assert_int_equal(label_map_root(&m.uids), UINT32_MAX - 1);
	/* the groups stay */
	assert_int_equal(label_map_root(&m.gids), 0);
	assert_int_equal(m.gids.ranges[0].count, UINT32_MAX);
}

static void
a_map_that_is_none_or_leaves_root_out_is_refused(void **state)
{
	static const char *const wrong[] = { "1:1:1", "0:1", "0:1:0", "0:1:1,",
		"0:1:1 ", "0:-1:1", "0:4294967295:1", "0:4294967296:1", ":",
		"0", "0:1:1,x", "0:1:1:1" };
	char many[20 * (AGENT_RANGES_MAX + 1)] = "0:0:1";
	struct label_maps m;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(map(wrong[i], NULL, &m), -1);
	assert_int_equal(map(NULL, "", &m), -1);
	for (int i = 1; i < AGENT_RANGES_MAX; i++)
		strcat(many, ",1:1:1");
	assert_int_equal(map(many, NULL, &m), 0);
	strcat(many, ",1:1:1");
	assert_int_equal(map(many, NULL, &m), -1);
}

static void
labels_are_limited_and_an_empty_one_is_none(void **state)
{
	AUTO_DOC struct doc *labels = doc_new_object();
	char value[LABEL_BYTES_MAX + 1], key[16];
	struct err e = ERR_INIT;

	(void)state;
	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = 0;
	assert_fails(labels_set(labels, "k", value, &e), e, EINVAL);
	value[sizeof value - 2] = 0;
	assert_int_equal(labels_set(labels, "k", value, &e), 0);
	assert_int_equal(labels_set(labels, "k", "", &e), 0);
	assert_int_equal(doc_count(labels), 0);
	assert_fails(labels_set(labels, "", "v", &e), e, EINVAL);
	assert_fails(labels_set(labels, "\xff", "v", &e), e, EINVAL);
	assert_fails(labels_set(labels, "k", "\xff", &e), e, EINVAL);
	for (int i = 0; i < LABELS_MAX; i++) {
		snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(labels_set(labels, key, "v", &e), 0);
	}
	assert_fails(labels_set(labels, "more", "v", &e), e, EINVAL);
	assert_int_equal(labels_set(labels, "k0", "w", &e), 0);
}

static void
labels_are_equal_in_any_order(void **state)
{
	AUTO_DOC struct doc *a = parse("{\"a\": \"1\", \"b\": \"2\"}");
	AUTO_DOC struct doc *b = parse("{\"b\": \"2\", \"a\": \"1\"}");
	AUTO_DOC struct doc *c = parse("{\"b\": \"2\", \"a\": \"2\"}");
	AUTO_DOC struct doc *d = parse("{\"b\": \"2\", \"c\": \"1\"}");

	(void)state;
	assert_true(labels_equal(a, b));
	assert_false(labels_equal(a, c));
	assert_false(labels_equal(a, d));
}

static void
labels_that_were_written_down_are_texts_or_damaged(void **state)
{
	static const char *const bad[] = { "[]", "1", "{", "{\"a\":1}",
		"{\"a\":null}" };
	AUTO_DOC struct doc *labels = NULL;
	struct err e = ERR_INIT;

	(void)state;
	labels = labels_parse("{\"a\":\"b\"}", &e);
	assert_int_equal(doc_count(labels), 1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_null_with(labels_parse(bad[i], &e), e, EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cris_labels_name_image_manifest_and_layer),
		cmocka_unit_test(ctr_remotes_labels_name_image_and_layer),
		cmocka_unit_test(
		    a_chain_alone_is_a_request_and_nothing_is_none),
		cmocka_unit_test(a_digest_that_is_none_is_refused),
		cmocka_unit_test(ids_are_mapped_range_by_range),
		cmocka_unit_test(
		    a_map_that_is_none_or_leaves_root_out_is_refused),
		cmocka_unit_test(labels_are_limited_and_an_empty_one_is_none),
		cmocka_unit_test(labels_are_equal_in_any_order),
		cmocka_unit_test(
		    labels_that_were_written_down_are_texts_or_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
