#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/messages.h"
#include "runtime/snapshotter.h"
#include "base/doc.h"
#include "base/test.h"

static void
a_request_is_read(void **state)
{
	/* key "k", parent "p", labels {"a": "1"}, and a field of a later
	 * version. */
	static const char bytes[] = "\x12\x01k\x1a\x01p\x22\x06\x0a\x01"
				    "a\x12\x01"
				    "1\xf2\x07\x01x";
	struct err e = ERR_INIT;
	AUTO_MESSAGE MESSAGE(PrepareRequest) *r = message_unpack(
	    DESCRIPTOR(prepare_request), bytes, sizeof bytes - 1, &e);
	AUTO_DOC struct doc *labels = NULL;

	(void)state;
	assert_non_null(r);
	assert_string_equal(r->key, "k");
	assert_string_equal(r->parent, "p");
	labels = message_read_labels(r->labels, r->n_labels, &e);
	assert_non_null(labels);
	assert_string_equal(doc_string(doc_find(labels, "a")), "1");
}

static void
bytes_that_are_no_request_are_refused(void **state)
{
	struct err e;

	(void)state;
	assert_null_with(
	    message_unpack(DESCRIPTOR(key_request), "\x12\x05k", 3, &e), e,
	    EINVAL);
}

/* Four million empty labels. */
static void
a_request_cannot_take_all_memory(void **state)
{
	size_t n = 8 << 20;
	AUTO_FREE char *bytes = malloc(n);
	struct err e;

	(void)state;
	for (size_t i = 0; i < n; i += 2)
		memcpy(bytes + i, "\x22\0", 2);
	assert_null_with(
	    message_unpack(DESCRIPTOR(prepare_request), bytes, n, &e), e,
	    EINVAL);
}

static void
infos_one_after_the_other_are_a_list(void **state)
{
	AUTO_DOC struct doc *labels = doc_new_object();
	struct snapshot_info i = {
		.name = "n",
		.parent = "p",
		.kind = SNAPSHOT_COMMITTED,
		.created_ns = 1700000000000000001,
		.updated_ns = 1700000001000000002,
		.labels = labels,
	};
	AUTO_BUF struct buf out = BUF_INIT(1000);
	AUTO_MESSAGE MESSAGE(ListResponse) *list = NULL;
	struct err e = ERR_INIT;

	(void)state;
	doc_set_string(labels, "a", "1");
	assert_int_equal(message_pack_info(INFO_LIST, &i, &out, &e), 0);
	assert_int_equal(message_pack_info(INFO_LIST, &i, &out, &e), 0);
	list = message_unpack(DESCRIPTOR(list_response), out.data, out.len, &e);
	assert_non_null(list);
	assert_int_equal(list->n_info, 2);
	assert_string_equal(list->info[1]->name, "n");
	assert_string_equal(list->info[1]->labels[0]->value, "1");
	assert_int_equal(list->info[1]->created_at->seconds, 1700000000);
	assert_int_equal(list->info[1]->created_at->nanos, 1);
	assert_int_equal(list->info[1]->kind, SNAPSHOT_COMMITTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read),
		cmocka_unit_test(bytes_that_are_no_request_are_refused),
		cmocka_unit_test(a_request_cannot_take_all_memory),
		cmocka_unit_test(infos_one_after_the_other_are_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
