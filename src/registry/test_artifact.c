#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/artifact.h"
#include "registry/manifest.h"
#include "base/err.h"
#include "base/test.h"

static void
make_blob(struct artifact_blob *b, const char *text, bool has_data)
{
	*b = (struct artifact_blob){ .has_layer = true };
	b->descriptor.media_type = strdup(ARTIFACT_LAYER_INDEX);
	b->descriptor.size = strlen(text);
	digest_of(&b->descriptor.digest, text, strlen(text));
	digest_of(&b->layer, "layer", 5);
	buf_init(&b->data, 1 << 20);
	if (has_data)
		assert_int_equal(
		    buf_append_str(&b->data, text, &(struct err){ 0 }), 0);
}

static void
release_blob(struct artifact_blob *b)
{
	descriptor_release(&b->descriptor);
	buf_release(&b->data);
}

static void
write_one(struct buf *out, bool has_data)
{
	struct manifest m = { .media_type = (char *)"m/t", .raw_len = 7 };
	struct artifact_blob b;
	struct artifact_plan p = { ARTIFACT_INDEX, &m, &b, 1 };
	struct err e = ERR_INIT;

	digest_of(&m.digest, "subject", 7);
	make_blob(&b, "a table", has_data);
	assert_int_equal(artifact_write(&p, out, &e), 0);
	release_blob(&b);
}

static void
what_is_written_is_read(void **state)
{
	(void)state;
	for (int has_data = 0; has_data < 2; has_data++) {
		AUTO_BUF struct buf text = BUF_INIT(1 << 20);
		AUTO_ARTIFACT struct artifact a = { 0 };
		struct err e = ERR_INIT;
		struct digest d;

		write_one(&text, has_data);
		assert_int_equal(
		    artifact_parse(&a, text.data, text.len, &e), 0);
		assert_string_equal(a.type, ARTIFACT_INDEX);
		digest_of(&d, "subject", 7);
		assert_true(digest_equal(&a.subject, &d));
		digest_of(&d, text.data, text.len);
		assert_true(digest_equal(&a.digest, &d));
		assert_int_equal(a.n_blobs, 1);
		assert_int_equal(a.blobs[0].data.len, has_data ? 7 : 0);
		digest_of(&d, "layer", 5);
		assert_ptr_equal(artifact_find(&a, &d), &a.blobs[0]);
		digest_of(&d, "other", 5);
		assert_null(artifact_find(&a, &d));
	}
}

static void
the_same_is_the_same_to_the_byte(void **state)
{
	AUTO_BUF struct buf one = BUF_INIT(1 << 20);
	AUTO_BUF struct buf two = BUF_INIT(1 << 20);

	(void)state;
	write_one(&one, true);
	write_one(&two, true);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
}

static void
data_that_is_not_what_the_digest_says_is_left_out(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT(1 << 20);
	AUTO_ARTIFACT struct artifact a = { 0 };
	struct err e = ERR_INIT;
	char *data;

	(void)state;
	write_one(&text, true);
	data = strstr(buf_str(&text), "\"data\":\"");
	assert_non_null(data);
	data[8] = 'Z';
	assert_int_equal(artifact_parse(&a, text.data, text.len, &e), 0);
	assert_null(a.blobs[0].data.data);
}

static void
what_is_no_artifact_is_refused(void **state)
{
	static const char subject[] =
	    "\"subject\":{\"digest\":\"sha256:"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "\",\"size\":1}";
	static const char *const bad[] = { "[]", "{}",
		"{\"artifactType\":\"t\",\"layers\":[]}",
		"{\"artifactType\":\"t\",%s}",
		"{\"artifactType\":\"t\",%s,\"layers\":[{}]}",
		"{%s,\"layers\":[]}" };
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct artifact a;
		struct err e = ERR_INIT;
		const char *hole = strstr(bad[i], "%s");

		if (hole == NULL)
			snprintf(text, sizeof text, "%s", bad[i]);
		else
			snprintf(text, sizeof text, "%.*s%s%s",
			    (int)(hole - bad[i]), bad[i], subject, hole + 2);
		assert_int_equal(
		    artifact_parse(&a, text, strlen(text), &e), -1);
		assert_int_equal(e.code, EBADMSG);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(the_same_is_the_same_to_the_byte),
		cmocka_unit_test(
		    data_that_is_not_what_the_digest_says_is_left_out),
		cmocka_unit_test(what_is_no_artifact_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
