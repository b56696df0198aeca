#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/descriptor.h"
#include "base/doc.h"
#include "base/limits.h"
#include "base/test.h"

#define DIGEST    \
	"sha256:" \
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define WHOLE                                                   \
	"{\"mediaType\":\"application/x\",\"digest\":\"" DIGEST \
	"\",\"size\":7,\"annotations\":{\"k\":\"v\",\"l\":\"w\"}}"

static int
parse(struct descriptor *d, const char *text, struct err *e)
{
	AUTO_DOC struct doc *j = doc_parse_json(text, strlen(text), e);

	assert_non_null(j);
	return descriptor_parse(d, j, e);
}

static void
a_descriptor_is_read_and_written_alike(void **s)
{
	struct descriptor d, copy;
	struct err e = ERR_INIT;

	(void)s;
	assert_int_equal(parse(&d, WHOLE, &e), 0);
	assert_int_equal(descriptor_copy(&copy, &d, &e), 0);
	descriptor_release(&d);
	assert_string_equal(copy.media_type, "application/x");
	assert_int_equal(copy.size, 7);
	assert_string_equal(descriptor_annotation(&copy, "l"), "w");
	assert_null(descriptor_annotation(&copy, "x"));
	AUTO_DOC struct doc *j = descriptor_to_doc(&copy);
	AUTO_FREE char *text = doc_to_json(j, false);
	assert_string_equal(text, WHOLE);
	descriptor_release(&copy);
}

static void
a_media_type_may_be_absent(void **s)
{
	struct descriptor d;
	struct err e = ERR_INIT;

	(void)s;
	assert_int_equal(
	    parse(&d, "{\"digest\":\"" DIGEST "\",\"size\":0}", &e), 0);
	assert_string_equal(d.media_type, "");
	assert_int_equal(d.n_annotations, 0);
	descriptor_release(&d);
}

static void
what_is_no_descriptor_is_refused(void **s)
{
	static const char *const bad[] = { "[]", "{}", "{\"size\":1}",
		"{\"digest\":\"" DIGEST "\"}", "{\"digest\":1,\"size\":1}",
		"{\"digest\":\"" DIGEST "\",\"size\":-1}",
		"{\"digest\":\"" DIGEST "\",\"size\":\"1\"}",
		"{\"digest\":\"" DIGEST "\",\"size\":1099511627777}",
		"{\"digest\":\"" DIGEST "\",\"size\":1,\"annotations\":[]}",
		"{\"digest\":\"" DIGEST
		"\",\"size\":1,\"annotations\":{\"a\":1}}",
		"{\"digest\":\"" DIGEST "\",\"size\":1,\"mediaType\":1}" };
	struct descriptor d;
	struct err e;

	(void)s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_fails(parse(&d, bad[i], &e), e, EBADMSG);
	assert_fails(parse(&d, "{\"digest\":\"x\",\"size\":1}", &e), e, EINVAL);
}

static void
annotations_end_at_the_limit(void **s)
{
	AUTO_DOC struct doc *j = doc_new_object();
	struct doc *a = doc_new_object();
	struct descriptor d;
	struct err e;

	(void)s;
	doc_set_string(j, "digest", DIGEST);
	doc_set_int(j, "size", 1);
	doc_set(j, "annotations", a);
	for (int i = 0; i <= LIMIT_ANNOTATIONS; i++) {
		char key[16];

		if (i == LIMIT_ANNOTATIONS) {
			assert_int_equal(descriptor_parse(&d, j, &e), 0);
			descriptor_release(&d);
		}
		snprintf(key, sizeof key, "%d", i);
		doc_set_string(a, key, "");
	}
	assert_fails(descriptor_parse(&d, j, &e), e, E2BIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_is_read_and_written_alike),
		cmocka_unit_test(a_media_type_may_be_absent),
		cmocka_unit_test(what_is_no_descriptor_is_refused),
		cmocka_unit_test(annotations_end_at_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
