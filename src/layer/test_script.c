#include <string.h>

#include "layer/script.h"
#include "base/test.h"

static void
expect(const char *text, const char *const *words)
{
	char word[SCRIPT_WORD_BYTES];
	size_t at = 0;

	for (; *words != NULL; words++) {
		assert_true(script_next(text, strlen(text), &at, word));
		assert_string_equal(word, *words);
	}
	assert_false(script_next(text, strlen(text), &at, word));
}

static void
the_interpreter_and_the_programs_are_words(void **state)
{
	static const char *const words[] = { "/bin/sh", "set", "exec",
		"python3", NULL };

	(void)state;
	expect("#!/bin/sh\nset -e\nexec python3 \"$@\"\n", words);
}

static void
comments_builtins_and_relative_paths_are_left_out(void **state)
{
	static const char *const words[] = { "/bin/bash", "nginx", "cat",
		"/etc/motd", NULL };

	(void)state;
	expect("#!/bin/bash\n# perl is not run\necho; nginx # nor ruby\n"
	       "cat<./x </etc/motd",
	    words);
}

static void
a_word_that_is_too_long_is_none(void **state)
{
	static const char *const words[] = { "cat", NULL };
	char text[SCRIPT_WORD_BYTES + 8];

	(void)state;
	memset(text, 'a', sizeof text);
	strcpy(text + SCRIPT_WORD_BYTES, " cat");
	expect(text, words);
}

static void
bytes_that_are_no_text_end(void **state)
{
	static const char bytes[] = "#!\0\xff a\0b";
	char word[SCRIPT_WORD_BYTES];
	size_t at = 0;

	(void)state;
	assert_true(script_is_one(bytes, sizeof bytes));
	assert_true(script_next(bytes, sizeof bytes, &at, word));
	assert_string_equal(word, "a");
	assert_true(script_next(bytes, sizeof bytes, &at, word));
	assert_string_equal(word, "b");
	assert_false(script_next(bytes, sizeof bytes, &at, word));
	assert_false(script_is_one("#", 1));
	assert_false(script_is_one("\177ELF", 4));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_interpreter_and_the_programs_are_words),
		cmocka_unit_test(
		    comments_builtins_and_relative_paths_are_left_out),
		cmocka_unit_test(a_word_that_is_too_long_is_none),
		cmocka_unit_test(bytes_that_are_no_text_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
