/* How companions are called, and what is remembered of them. */
#include <stdio.h>
#include <string.h>

#include "layer/companions.h"
#include "layer/notes.h"
#include "base/digest.h"
#include "base/test.h"

static void
aliases_lie_beside_the_tag_and_by_the_digest(void **state)
{
	char alias[ALIAS_SIZE];
	struct digest d;

	(void)state;
	alias_of_tag("v1.2", COMPANION_INDEX, alias);
	assert_memory_equal(alias, "v1.2-", 5);
	assert_string_equal(strrchr(alias, '.'), ".layerfs");
	alias_of_tag("v1.2", COMPANION_PROFILE, alias);
	assert_string_equal(strrchr(alias, '.'), ".layerfs-profile");
	memset(&d, 0xab, sizeof d);
	alias_of_digest(&d, COMPANION_PROFILE, alias);
	assert_memory_equal(alias, "sha256-abab", 11);
	assert_true(strlen(alias) <= 128);
}

static void
a_tag_that_leaves_no_room_has_no_alias(void **state)
{
	char tag[129], alias[ALIAS_SIZE] = "x";

	(void)state;
	memset(tag, 'a', 128);
	tag[128] = 0;
	alias_of_tag(tag, COMPANION_INDEX, alias);
	assert_string_equal(alias, "");
}

static void
trust_has_three_words(void **state)
{
	(void)state;
	assert_int_equal(companions_parse_trust("tag"), TRUST_TAG);
	assert_int_equal(companions_parse_trust("always"), TRUST_ALWAYS);
	assert_int_equal(companions_parse_trust("never"), TRUST_NEVER);
	assert_int_equal(companions_parse_trust("Tag"), -1);
	assert_int_equal(companions_parse_trust(""), -1);
}

static void
notes_are_kept_for_their_time_and_bounded(void **state)
{
	struct notes n;
	char text[32];
	unsigned kept = 0;

	(void)state;
	notes_init(&n);
	assert_false(notes_have(&n, "a"));
	notes_add(&n, "a", 100);
	notes_add(&n, "b", 0);
	assert_true(notes_have(&n, "a"));
	assert_false(notes_have(&n, "b"));
	notes_drop(&n, "a");
	notes_drop(&n, "never");
	assert_false(notes_have(&n, "a"));
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof text, "note %d", i);
		notes_add(&n, text, 100);
		assert_true(notes_have(&n, text));
	}
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof text, "note %d", i);
		kept += notes_have(&n, text);
	}
	assert_in_range(kept, 1000, 5000);
	notes_release(&n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aliases_lie_beside_the_tag_and_by_the_digest),
		cmocka_unit_test(a_tag_that_leaves_no_room_has_no_alias),
		cmocka_unit_test(trust_has_three_words),
		cmocka_unit_test(notes_are_kept_for_their_time_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
