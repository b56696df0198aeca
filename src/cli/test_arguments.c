#include <errno.h>

#include "cli/arguments.h"
#include "base/test.h"

enum { WORDS = 16 };

/* Parses the words, the last of which is NULL.  argv is the caller's, as it
 * outlives the arguments. */
static int
parse(struct arguments *a, char *argv[WORDS], struct err *e)
{
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	return arguments_parse(a, argc, argv, e);
}

#define PARSE(a, e, ...) \
	parse((a), (char *[WORDS]){ "layerfs", __VA_ARGS__ }, (e))

static void
options_and_operands_may_be_mixed(void **state)
{
	struct arguments a;
	struct err e;

	(void)state;
	assert_int_equal(
	    PARSE(&a, &e, "-q", "mount", "ref", "--rw", "dir", "--upper", "up"),
	    0);
	assert_string_equal(a.command->name, "mount");
	assert_int_equal(a.n_operands, 2);
	assert_string_equal(a.operands[0], "ref");
	assert_string_equal(a.operands[1], "dir");
	assert_true(arguments_has(&a, OPTION_RW));
	assert_true(arguments_has(&a, OPTION_QUIET));
	assert_false(arguments_has(&a, OPTION_JSON));
	assert_string_equal(a.values[OPTION_UPPER], "up");
}

static void
a_value_may_follow_an_equals_sign(void **state)
{
	struct arguments a;
	struct err e;

	(void)state;
	assert_int_equal(PARSE(&a, &e, "--run=/a=b", "ls"), 0);
	assert_string_equal(a.values[OPTION_RUN], "/a=b");
}

static void
the_last_of_an_option_counts(void **state)
{
	struct arguments a;
	struct err e;

	(void)state;
	assert_int_equal(PARSE(&a, &e, "--run", "a", "ls", "--run", "b"), 0);
	assert_string_equal(a.values[OPTION_RUN], "b");
}

static void
letters_may_be_bundled(void **state)
{
	struct arguments a;
	struct err e;

	(void)state;
	assert_int_equal(PARSE(&a, &e, "umount", "-lq", "x"), 0);
	assert_string_equal(a.command->name, "unmount");
	assert_true(arguments_has(&a, OPTION_UNMOUNT_LAZY));
	assert_true(arguments_has(&a, OPTION_QUIET));
}

static void
one_name_means_what_the_command_says(void **state)
{
	struct arguments a;
	struct err e;

	(void)state;
	assert_int_equal(PARSE(&a, &e, "pull", "--lazy", "x"), 0);
	assert_true(arguments_has(&a, OPTION_PULL_LAZY));
	assert_false(arguments_has(&a, OPTION_UNMOUNT_LAZY));
}

static void
two_dashes_end_the_options(void **state)
{
	struct arguments a;
	struct err e;

	(void)state;
	assert_int_equal(PARSE(&a, &e, "rm", "--", "--json", "-", "--"), 0);
	assert_int_equal(a.n_operands, 3);
	assert_string_equal(a.operands[0], "--json");
	assert_string_equal(a.operands[2], "--");
	assert_false(arguments_has(&a, OPTION_JSON));
}

static void
a_single_dash_is_an_operand(void **state)
{
	struct arguments a;
	struct err e;

	(void)state;
	assert_int_equal(PARSE(&a, &e, "rm", "-"), 0);
	assert_string_equal(a.operands[0], "-");
}

static void
wrong_lines_are_refused(void **state)
{
	struct arguments a;
	struct err e;

	(void)state;
	assert_fails(PARSE(&a, &e, "nothing"), e, EINVAL);
	assert_fails(PARSE(&a, &e, "--rw", "mount", "a", "b"), e, EINVAL);
	assert_fails(PARSE(&a, &e, "mount", "--r", "a", "b"), e, EINVAL);
	assert_fails(PARSE(&a, &e, "mount", "--", "a"), e, EINVAL);
	assert_fails(PARSE(&a, &e, "mount", "a", "b", "c"), e, EINVAL);
	assert_fails(PARSE(&a, &e, "ls", "--json=yes"), e, EINVAL);
	assert_fails(PARSE(&a, &e, "ls", "--run"), e, EINVAL);
	assert_fails(PARSE(&a, &e, "ls", "--run="), e, EINVAL);
	assert_fails(PARSE(&a, &e, "ls", "-qx"), e, EINVAL);
	assert_fails(PARSE(&a, &e, "-q"), e, EINVAL);
}

static void
after_a_failure_the_command_is_known(void **state)
{
	struct arguments a;
	struct err e;

	(void)state;
	assert_fails(PARSE(&a, &e, "pull", "--odd"), e, EINVAL);
	assert_string_equal(a.command->name, "pull");
	assert_fails(PARSE(&a, &e, "--odd", "pull"), e, EINVAL);
	assert_null(a.command);
}

static void
who_asks_for_help_needs_no_operands(void **state)
{
	struct arguments a;
	struct err e;

	(void)state;
	assert_int_equal(PARSE(&a, &e, "mount", "-h"), 0);
	assert_int_equal(PARSE(&a, &e, "--help"), 0);
	assert_null(a.command);
	assert_int_equal(PARSE(&a, &e, "--version"), 0);
}

static void
a_line_without_any_word_is_refused(void **state)
{
	char *none[] = { NULL };
	struct arguments a;
	struct err e;

	(void)state;
	assert_fails(arguments_parse(&a, 0, none, &e), e, EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_operands_may_be_mixed),
		cmocka_unit_test(a_value_may_follow_an_equals_sign),
		cmocka_unit_test(the_last_of_an_option_counts),
		cmocka_unit_test(letters_may_be_bundled),
		cmocka_unit_test(one_name_means_what_the_command_says),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(a_single_dash_is_an_operand),
		cmocka_unit_test(wrong_lines_are_refused),
		cmocka_unit_test(after_a_failure_the_command_is_known),
		cmocka_unit_test(who_asks_for_help_needs_no_operands),
		cmocka_unit_test(a_line_without_any_word_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
