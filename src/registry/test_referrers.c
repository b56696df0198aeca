#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/artifact.h"
#include "registry/referrers.h"
#include "registry/referrers_memory.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/test.h"

#define DIGEST_A  \
	"sha256:" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ENTRY(type)                                                   \
	"{\"mediaType\":\"m\",\"digest\":\"" DIGEST_A "\",\"size\":7" \
	",\"artifactType\":\"" type "\"}"

static void
those_of_the_type_are_taken_in_their_order(void **state)
{
	static const char text[] =
	    "{\"schemaVersion\":2,\"manifests\":[" ENTRY("other") "," ENTRY(
		"mine") ","
			"{\"mediaType\":\"m\",\"digest\":\"" DIGEST_A
			"\",\"size\":8}," ENTRY("mine") "]}";
	AUTO_REFERRERS struct referrers r = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
	    referrers_parse(&r, text, strlen(text), "mine", &e), 0);
	assert_int_equal(r.n, 2);
	assert_string_equal(r.list[0].artifact_type, "mine");
	assert_int_equal(r.list[0].descriptor.size, 7);
}

/* `crane registry serve` lists every artifact with an empty config so. */
static void
those_of_which_no_type_is_told_may_be_of_any(void **state)
{
	static const char text[] =
	    "{\"manifests\":[" ENTRY("other") "," ENTRY(ARTIFACT_EMPTY) "]}";
	AUTO_REFERRERS struct referrers r = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
	    referrers_parse(&r, text, strlen(text), "mine", &e), 0);
	assert_int_equal(r.n, 1);
	assert_string_equal(r.list[0].artifact_type, ARTIFACT_EMPTY);
}

/* As Go's programs write it. */
static void
a_list_of_none_is_empty(void **state)
{
	static const char *const none[] = { "{\"manifests\":[]}",
		"{\"manifests\":null}" };

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		AUTO_REFERRERS struct referrers r = { 0 };
		struct err e = ERR_INIT;

		assert_int_equal(
		    referrers_parse(&r, none[i], strlen(none[i]), "mine", &e),
		    0);
		assert_int_equal(r.n, 0);
	}
}

static void
what_is_no_list_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "{}", "{\"manifests\":{}}",
		"{\"manifests\":[{\"artifactType\":1}]}",
		"{\"manifests\":[{\"artifactType\":\"mine\"}]}" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		AUTO_REFERRERS struct referrers r = { 0 };
		struct err e = ERR_INIT;

		assert_int_equal(
		    referrers_parse(&r, bad[i], strlen(bad[i]), "mine", &e),
		    -1);
		assert_int_equal(e.code, EBADMSG);
	}
}

static void
which_hosts_have_the_api_is_remembered_for_a_while(void **state)
{
	struct referrers_memory m = { 0 };
	uint64_t now = 5 * NS_PER_S;
	char name[16];

	(void)state;
	assert_int_equal(
	    referrers_memory_find(&m, "a", now), REFERRERS_API_UNKNOWN);
	referrers_memory_note(&m, "a", REFERRERS_API_ABSENT, now);
	referrers_memory_note(&m, "b", REFERRERS_API_PRESENT, now);
	assert_int_equal(
	    referrers_memory_find(&m, "a", now), REFERRERS_API_ABSENT);
	assert_int_equal(
	    referrers_memory_find(&m, "b", now), REFERRERS_API_PRESENT);
	assert_int_equal(referrers_memory_find(&m, "a", now + 7200 * NS_PER_S),
	    REFERRERS_API_UNKNOWN);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "host%d", i);
		referrers_memory_note(&m, name, REFERRERS_API_PRESENT, now);
	}
	assert_int_equal(
	    referrers_memory_find(&m, "a", now), REFERRERS_API_UNKNOWN);
	assert_int_equal(
	    referrers_memory_find(&m, "host99", now), REFERRERS_API_PRESENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_of_the_type_are_taken_in_their_order),
		cmocka_unit_test(those_of_which_no_type_is_told_may_be_of_any),
		cmocka_unit_test(a_list_of_none_is_empty),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(
		    which_hosts_have_the_api_is_remembered_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
