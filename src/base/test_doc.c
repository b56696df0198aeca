#include <errno.h>
#include <string.h>

#include "base/doc.h"
#include "base/limits.h"
#include "base/test.h"

static struct doc *
parse(const char *text)
{
	struct err e = ERR_INIT;
	struct doc *j = doc_parse_json(text, strlen(text), &e);

	assert_non_null(j);
	return j;
}

static void
members_of_every_type_are_got(void **s)
{
	AUTO_DOC struct doc *j = parse(
	    "{\"s\":\"t\",\"i\":-5,\"b\":true,\"o\":{\"x\":1},\"a\":[1,2]}");
	const char *text;
	struct doc *o, *a;
	struct err e = ERR_INIT;
	bool b = false;
	int64_t i;

	(void)s;
	assert_int_equal(doc_get_string(j, "s", &text, &e), 0);
	assert_string_equal(text, "t");
	assert_int_equal(doc_get_int(j, "i", &i, &e), 0);
	assert_int_equal(i, -5);
	assert_int_equal(doc_find_bool(j, "b", &b, &e), 0);
	assert_true(b && doc_bool(doc_find(j, "b")));
	assert_int_equal(doc_get_object(j, "o", &o, &e), 0);
	assert_int_equal(doc_int(doc_find(o, "x")), 1);
	assert_int_equal(doc_get_array(j, "a", &a, &e), 0);
	assert_int_equal(doc_count(a), 2);
	assert_int_equal(doc_int(doc_at(a, 1)), 2);
	assert_null(doc_at(a, 2));
	assert_int_equal(doc_count(j), 5);
}

static void
a_missing_member_is_named(void **s)
{
	AUTO_DOC struct doc *j = parse("{\"n\":null}");
	const char *text;
	struct doc *o;
	struct err e;
	int64_t i;

	(void)s;
	assert_fails(doc_get_string(j, "size", &text, &e), e, EBADMSG);
	assert_non_null(strstr(e.msg, "\"size\""));
	assert_fails(doc_get_int(j, "n", &i, &e), e, EBADMSG);
	assert_fails(doc_get_object(j, "x", &o, &e), e, EBADMSG);
	assert_fails(doc_get_array(j, "x", &o, &e), e, EBADMSG);
}

static void
a_wrong_type_is_refused(void **s)
{
	AUTO_DOC struct doc *j = parse("{\"s\":1,\"i\":\"1\",\"f\":1.5}");
	const char *text;
	struct doc *o;
	struct err e;
	int64_t i;
	bool b;

	(void)s;
	assert_fails(doc_get_string(j, "s", &text, &e), e, EBADMSG);
	assert_fails(doc_find_string(j, "s", &text, &e), e, EBADMSG);
	assert_fails(doc_get_int(j, "i", &i, &e), e, EBADMSG);
	assert_fails(doc_get_int(j, "f", &i, &e), e, EBADMSG);
	assert_fails(doc_find_bool(j, "i", &b, &e), e, EBADMSG);
	assert_fails(doc_get_array(j, "i", &o, &e), e, EBADMSG);
	assert_fails(doc_get_object(j, "i", &o, &e), e, EBADMSG);
}

static void
an_absent_optional_member_leaves_the_default(void **s)
{
	AUTO_DOC struct doc *j = parse("{\"n\":null}");
	const char *text = "default";
	struct err e = ERR_INIT;
	int64_t i = 7;
	bool b = true;

	(void)s;
	assert_int_equal(doc_find_string(j, "n", &text, &e), 0);
	assert_int_equal(doc_find_int(j, "x", &i, &e), 0);
	assert_int_equal(doc_find_bool(j, "x", &b, &e), 0);
	assert_string_equal(text, "default");
	assert_true(i == 7 && b);
}

static void
what_is_no_json_is_refused(void **s)
{
	static const char *const bad[] = { "", "{", "{\"a\":1,\"a\":2}",
		"[1] x", "{'a':1}", "\"\xff\"", "[\"\\u0000\"]", "[1e999]",
		"[99999999999999999999]" };
	struct err e;

	(void)s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_null_with(
		    doc_parse_json(bad[i], strlen(bad[i]), &e), e, EBADMSG);
}

static void
nesting_ends_at_the_limit(void **s)
{
	char text[2 * LIMIT_JSON_DEPTH + 2];
	struct err e = ERR_INIT;
	int n = LIMIT_JSON_DEPTH;

	(void)s;
	memset(text, '[', n);
	memset(text + n, ']', n);
	AUTO_DOC struct doc *j = doc_parse_json(text, 2 * n, &e);
	assert_non_null(j);
	memset(text, '[', n + 1);
	memset(text + n + 1, ']', n + 1);
	assert_null_with(doc_parse_json(text, 2 * n + 2, &e), e, EBADMSG);
}

static void
a_document_that_is_made_can_be_read_back(void **s)
{
	AUTO_DOC struct doc *o = doc_new_object();
	struct doc *a = doc_new_array();

	(void)s;
	doc_set_string(o, "s", "a\"b");
	doc_set_int(o, "i", INT64_MIN);
	doc_set_bool(o, "b", false);
	doc_append(a, doc_new_int(1));
	doc_append(a, doc_new_bool(true));
	doc_set(o, "a", a);
	AUTO_FREE char *text = doc_to_json(o, false);
	assert_string_equal(text,
	    "{\"s\":\"a\\\"b\",\"i\":-9223372036854775808,\"b\":false,"
	    "\"a\":[1,true]}");
	AUTO_DOC struct doc *again = parse(text);
	assert_int_equal(doc_int(doc_find(again, "i")), INT64_MIN);
}

static void
bytes_that_are_no_utf8_are_replaced(void **s)
{
	AUTO_DOC struct doc *j = doc_new_string("na\xC3\xAFve-\xE9-\xE2\x82");

	(void)s;
	assert_string_equal(doc_string(j),
	    "na\xC3\xAFve-\xEF\xBF\xBD-\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void
members_come_in_their_order(void **s)
{
	AUTO_DOC struct doc *j = parse("{\"b\":1,\"a\":2,\"c\":3}");
	char seen[4] = "";
	int64_t sum = 0;

	(void)s;
	doc_for_each(j, key, v) {
		strcat(seen, key);
		sum += doc_int(v);
	}
	assert_string_equal(seen, "bac");
	assert_int_equal(sum, 6);
}

static void
getters_bear_null_and_other_types(void **s)
{
	AUTO_DOC struct doc *j = parse("[]");

	(void)s;
	assert_null(doc_string(NULL));
	assert_int_equal(doc_int(j), 0);
	assert_false(doc_bool(NULL));
	assert_null(doc_find(j, "x"));
	assert_int_equal(doc_count(NULL), 0);
	assert_false(doc_is_object(NULL) || doc_is_object(j));
	doc_unref(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_of_every_type_are_got),
		cmocka_unit_test(a_missing_member_is_named),
		cmocka_unit_test(a_wrong_type_is_refused),
		cmocka_unit_test(an_absent_optional_member_leaves_the_default),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(nesting_ends_at_the_limit),
		cmocka_unit_test(a_document_that_is_made_can_be_read_back),
		cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
		cmocka_unit_test(members_come_in_their_order),
		cmocka_unit_test(getters_bear_null_and_other_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
