/* The table agrees with itself, and the manual with the table. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "base/bytes.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/test.h"

#define MANUAL "/docs/man/layerfs.1.scd"

static void
names_are_used_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_commands; i++) {
		assert_ptr_equal(command_find(commands[i].name), &commands[i]);
		if (commands[i].alias != NULL)
			assert_ptr_equal(
			    command_find(commands[i].alias), &commands[i]);
	}
	assert_null(command_find("--json"));
	assert_null(command_find(""));
}

static void
a_command_takes_no_two_options_of_one_name_or_letter(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_commands; i++)
		for (int a = 0; a < OPTION_COUNT; a++)
			for (int b = 0; b < a; b++) {
				const struct option_spec *x = &option_specs[a];
				const struct option_spec *y = &option_specs[b];

				if (!command_takes(&commands[i], a) ||
				    !command_takes(&commands[i], b))
					continue;
				assert_string_not_equal(x->name, y->name);
				assert_true(
				    x->letter == 0 || x->letter != y->letter);
			}
}

static void
every_option_belongs_to_a_command(void **state)
{
	uint32_t used = OPTIONS_OF_ALL;

	(void)state;
	for (size_t i = 0; i < n_commands; i++)
		used |= commands[i].options;
	assert_int_equal(used, OPTION_BIT(OPTION_COUNT) - 1);
}

/* ---- the manual ---- */

static char *
read_manual(void)
{
	const char *top = getenv("top_srcdir");
	struct buf text = BUF_INIT(MIB(1));
	struct err e;
	char path[LIMIT_PATH_BYTES];

	snprintf(path, sizeof path, "%s" MANUAL, top == NULL ? "../.." : top);
	assert_int_equal(fs_read_file(AT_FDCWD, path, &text, &e), 0);
	return (char *)buf_str(&text); /* the caller frees */
}

/* The part of the manual from the heading to the next one of its kind; the
 * caller frees. */
static char *
section(const char *manual, const char *heading)
{
	const char *from = strstr(manual, heading);
	const char *to;

	if (from == NULL)
		fail_msg("the manual has no %s", heading);
	from += strlen(heading);
	to = strstr(from, "\n#");
	return to == NULL ? strdup(from) : strndup(from, to - from);
}

static void
assert_explained(const char *text, enum option_id id, const char *where)
{
	const struct option_spec *o = &option_specs[id];
	char line[256], letter[16] = "", value[64] = "";

	if (o->letter != 0)
		snprintf(letter, sizeof letter, "*-%c*, ", o->letter);
	if (o->value != NULL)
		snprintf(value, sizeof value, " _%s_", o->value);
	snprintf(line, sizeof line, "\n%s*--%s*%s\n\t%s\n", letter, o->name,
	    value, o->meaning);
	if (strstr(text, line) == NULL)
		fail_msg("%s: the manual lacks:%s", where, line);
}

static void
the_manual_explains_every_command(void **state)
{
	AUTO_FREE char *manual = read_manual();

	(void)state;
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *c = &commands[i];
		char heading[256];

		snprintf(heading, sizeof heading, "\n## %s%s%s%s\n\n%s\n",
		    c->name, c->options != 0 ? " [OPTION...]" : "",
		    c->operands[0] != 0 ? " " : "", c->operands, c->meaning);
		AUTO_FREE char *text = section(manual, heading);

		for (int id = 0; id < OPTION_COUNT; id++)
			if ((c->options & OPTION_BIT(id)) != 0)
				assert_explained(text, id, c->name);
		if (c->alias != NULL)
			assert_non_null(strstr(text, c->alias));
	}
}

static void
the_manual_explains_the_options_of_every_command(void **state)
{
	AUTO_FREE char *manual = read_manual();
	AUTO_FREE char *text =
	    section(manual, "\n# OPTIONS OF EVERY COMMAND\n");

	(void)state;
	for (int id = 0; id < OPTION_COUNT; id++)
		if ((OPTIONS_OF_ALL & OPTION_BIT(id)) != 0)
			assert_explained(text, id, "every command");
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text++;
		n++;
	}
	return n;
}

static void
the_manual_explains_nothing_else(void **state)
{
	AUTO_FREE char *manual = read_manual();
	size_t options = __builtin_popcount(OPTIONS_OF_ALL);

	(void)state;
	assert_int_equal(count(manual, "\n## "), n_commands);
	for (size_t i = 0; i < n_commands; i++)
		options += __builtin_popcount(commands[i].options);
	/* "*--name*" at the start of a line, or after its letter. */
	assert_int_equal(
	    count(manual, "\n*--") + count(manual, "*, *--"), options);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_used_once),
		cmocka_unit_test(
		    a_command_takes_no_two_options_of_one_name_or_letter),
		cmocka_unit_test(every_option_belongs_to_a_command),
		cmocka_unit_test(the_manual_explains_every_command),
		cmocka_unit_test(
		    the_manual_explains_the_options_of_every_command),
		cmocka_unit_test(the_manual_explains_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
