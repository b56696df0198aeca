#include <errno.h>
#include <string.h>

#include "runtime/filter.h"
#include "base/test.h"

/* name n, parent "", labels {a: 1, b.c: 2, "x/y,z": 3}. */
static const char *
get(const void *subject, const char *field, const char *rest)
{
	if (strcmp(field, "name") == 0)
		return subject;
	if (strcmp(field, "parent") == 0)
		return "";
	if (strcmp(field, "labels") != 0)
		return NULL;
	return strcmp(rest, "a") == 0       ? "1"
	       : strcmp(rest, "b.c") == 0   ? "2"
	       : strcmp(rest, "x/y,z") == 0 ? "3"
					    : NULL;
}

static bool
matches(const char *const *texts, size_t n)
{
	struct err e = ERR_INIT;
	AUTO_FILTER struct filter *f = filter_parse(texts, n, &e);

	if (f == NULL)
		fail_msg("%s", e.msg);
	return filter_matches(f, get, "sha256:ab");
}

#define MATCHES(text) assert_true(matches((const char *[]){ text }, 1))
#define MISSES(text) assert_false(matches((const char *[]){ text }, 1))

static void
refuses(const char *text)
{
	struct err e;

	assert_null_with(filter_parse(&text, 1, &e), e, EINVAL);
}

static void
a_field_is_compared(void **state)
{
	(void)state;
	MATCHES("name==sha256:ab");
	MATCHES("name == \"sha256:ab\"");
	MISSES("name==sha256:a");
	MATCHES("name!=other");
	MISSES("name!=sha256:ab");
	MATCHES("parent==\"\"");
}

static void
a_label_is_named_with_or_without_quotes(void **state)
{
	(void)state;
	MATCHES("labels.a==1");
	MATCHES("labels.\"b.c\"==2");
	MATCHES("labels.b.c==2");
	MATCHES("\"labels\".\"x/y,z\"==\"3\"");
	MISSES("labels.a==2");
}

static void
presence_is_asked_without_an_operator(void **state)
{
	(void)state;
	MATCHES("labels.a");
	MISSES("labels.none");
	MISSES("unknown");
	MISSES("unknown==x");
	MATCHES("labels.none!=x");
}

static void
all_selectors_of_one_filter_must_hold(void **state)
{
	(void)state;
	MATCHES("labels.a==1,name==sha256:ab");
	MATCHES(" labels.a == 1 , labels.b.c ");
	MISSES("labels.a==1,name==x");
}

static void
several_filters_are_alternatives(void **state)
{
	(void)state;
	assert_true(matches((const char *[]){ "name==x", "labels.a==1" }, 2));
	assert_false(matches((const char *[]){ "name==x", "name==y" }, 2));
	assert_true(matches(NULL, 0));
	MATCHES("");
}

static void
a_pattern_is_found_anywhere(void **state)
{
	(void)state;
	MATCHES("name~=256");
	MATCHES("name~=/^sha[0-9]+:/");
	MATCHES("name~=|a(b\\|c)$|");
	MISSES("name~=\"^256\"");
	MATCHES("name~=/sha.*\\/|:/");
}

static void
quoted_text_is_gos(void **state)
{
	(void)state;
	MATCHES("name==\"\\x73ha\\u0032\\065\\U00000036:ab\"");
	MISSES("name==\"\\\"\\\\\\n\"");
	refuses("name==\"\\q\"");
	refuses("name==\"\\x4\"");
	refuses("name==\"\\000\"");
	refuses("name==\"\\400\"");
	refuses("name==\"\\ud800\"");
	refuses("name==\"open");
	refuses("name==\"open\\");
}

static void
bad_syntax_is_refused(void **state)
{
	(void)state;
	refuses("name=x");
	refuses("name==");
	refuses("==x");
	refuses("name,");
	refuses(",name");
	refuses("name.");
	refuses("name==a b");
	refuses("name==a,,name");
	refuses("name==/a/");
	refuses("name====a");
}

static void
costly_filters_are_refused(void **state)
{
	char text[FILTER_BYTES_MAX + 2];

	(void)state;
	refuses("name~=/a{9}/");
	refuses("name~=/(a)\\1/");
	refuses("name~=/a+++++++++++++++++++++++++++++++++++++++++/");
	refuses("name~=/(((((a+)+)+)+)+)/");
	refuses("name~=/(/");
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = 0;
	refuses(text);
	for (size_t i = 1; i < 2 * FILTER_SELECTORS_MAX + 2; i += 2)
		text[i] = ',';
	text[2 * FILTER_SELECTORS_MAX + 1] = 0;
	refuses(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_field_is_compared),
		cmocka_unit_test(a_label_is_named_with_or_without_quotes),
		cmocka_unit_test(presence_is_asked_without_an_operator),
		cmocka_unit_test(all_selectors_of_one_filter_must_hold),
		cmocka_unit_test(several_filters_are_alternatives),
		cmocka_unit_test(a_pattern_is_found_anywhere),
		cmocka_unit_test(quoted_text_is_gos),
		cmocka_unit_test(bad_syntax_is_refused),
		cmocka_unit_test(costly_filters_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
