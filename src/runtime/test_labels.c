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
map(const char *uids, const char *gids, uint32_t *uid, uint32_t *gid)
{
	AUTO_DOC struct doc *labels = doc_new_object();
	struct err e = ERR_INIT;

	if (uids != NULL)
		doc_set_string(labels, LABEL_UIDS, uids);
	if (gids != NULL)
		doc_set_string(labels, LABEL_GIDS, gids);
	*uid = 7;
	*gid = 8;
	return labels_map_root(labels, uid, gid, &e);
}

static void
root_is_mapped(void **state)
{
	uint32_t uid, gid;

	(void)state;
	assert_int_equal(map("0:1000:65536", "0:2000:1", &uid, &gid), 0);
	assert_int_equal(uid, 1000);
	assert_int_equal(gid, 2000);
	assert_int_equal(map("5:9:1,0:4294967294:1", NULL, &uid, &gid), 0);
	assert_int_equal(uid, UINT32_MAX - 1);
	assert_int_equal(gid, 8);
	assert_int_equal(map("1:1:1", NULL, &uid, &gid), -1);
	assert_int_equal(map("0:1", NULL, &uid, &gid), -1);
	assert_int_equal(map("0:1:0", NULL, &uid, &gid), -1);
	assert_int_equal(map("0:1:1,", NULL, &uid, &gid), -1);
	assert_int_equal(map("0:1:1 ", NULL, &uid, &gid), -1);
	assert_int_equal(map("0:-1:1", NULL, &uid, &gid), -1);
	assert_int_equal(map("0:4294967295:1", NULL, &uid, &gid), -1);
	assert_int_equal(map("0:4294967296:1", NULL, &uid, &gid), -1);
	assert_int_equal(map(NULL, "", &uid, &gid), -1);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cris_labels_name_image_manifest_and_layer),
		cmocka_unit_test(ctr_remotes_labels_name_image_and_layer),
		cmocka_unit_test(
		    a_chain_alone_is_a_request_and_nothing_is_none),
		cmocka_unit_test(a_digest_that_is_none_is_refused),
		cmocka_unit_test(root_is_mapped),
		cmocka_unit_test(labels_are_limited_and_an_empty_one_is_none),
		cmocka_unit_test(labels_are_equal_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
