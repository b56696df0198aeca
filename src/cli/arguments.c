#include "cli/arguments.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

struct parser {
	struct arguments *a;
	char **at, **end; /* what was not read yet */
};

static enum option_id
find_long(const struct command *c, const char *name, size_t n)
{
	for (int id = 0; id < OPTION_COUNT; id++)
		if (command_takes(c, id) &&
		    strlen(option_specs[id].name) == n &&
		    memcmp(option_specs[id].name, name, n) == 0)
			return id;
	return OPTION_COUNT;
}

static enum option_id
find_letter(const struct command *c, char letter)
{
	for (int id = 0; id < OPTION_COUNT; id++)
		if (command_takes(c, id) && option_specs[id].letter == letter)
			return id;
	return OPTION_COUNT;
}

/* "of mount", or where no command was named yet. */
static const char *
place(const struct parser *p)
{
	return p->a->command == NULL ? "before the command"
				     : p->a->command->name;
}

/* The value of an option that takes one: the rest of its own word, or the next
 * word. */
static int
take_value(struct parser *p, enum option_id id, const char *rest, struct err *e)
{
	const struct option_spec *o = &option_specs[id];

	if (rest == NULL) {
		if (p->at == p->end)
			return err_set(
			    e, EINVAL, "--%s wants %s", o->name, o->value);
		rest = *p->at++;
	}
	if (rest[0] == 0)
		return err_set(e, EINVAL, "--%s is empty", o->name);
	p->a->values[id] = rest;
	return 0;
}

static int
read_long(struct parser *p, const char *word, struct err *e)
{
	const char *equals = strchr(word, '=');
	size_t n = equals != NULL ? (size_t)(equals - word) : strlen(word);
	enum option_id id = find_long(p->a->command, word, n);

	if (id == OPTION_COUNT)
		return err_set(e, EINVAL, "unknown option --%.*s (%s)", (int)n,
		    word, place(p));
	if (option_specs[id].value != NULL)
		return take_value(p, id, equals != NULL ? equals + 1 : NULL, e);
	if (equals != NULL)
		return err_set(
		    e, EINVAL, "--%.*s takes no value", (int)n, word);
	p->a->values[id] = "";
	return 0;
}

static int
read_letters(struct parser *p, const char *letters, struct err *e)
{
	for (const char *l = letters; *l != 0; l++) {
		enum option_id id = find_letter(p->a->command, *l);

		if (id == OPTION_COUNT)
			return err_set(
			    e, EINVAL, "unknown option -%c (%s)", *l, place(p));
		if (option_specs[id].value != NULL)
			return take_value(p, id, l[1] != 0 ? l + 1 : NULL, e);
		p->a->values[id] = "";
	}
	return 0;
}

static int
read_operand(struct parser *p, char *word, struct err *e)
{
	if (p->a->command != NULL) {
		p->a->operands[p->a->n_operands++] = word;
		return 0;
	}
	p->a->command = command_find(word);
	if (p->a->command == NULL)
		return err_set(e, EINVAL, "unknown command %s", word);
	return 0;
}

static int
check_operands(const struct arguments *a, struct err *e)
{
	const struct command *c = a->command;

	if (arguments_has(a, OPTION_HELP) || arguments_has(a, OPTION_VERSION))
		return 0;
	if (c == NULL)
		return err_set(e, EINVAL, "a command is missing");
	if (a->n_operands < c->min_operands)
		return err_set(e, EINVAL, "%s wants %s", c->name, c->operands);
	if (a->n_operands > c->max_operands)
		return err_set(e, EINVAL, "%s: unexpected %s", c->name,
		    a->operands[c->max_operands]);
	return 0;
}

int
arguments_parse(struct arguments *a, int argc, char **argv, struct err *e)
{
	struct parser p = { a, argv + (argc > 0), argv + argc };
	bool only_operands = false;

	/* Operands are written over words that were read before them. */
	*a = (struct arguments){ .operands = argv };
	while (p.at < p.end) {
		char *word = *p.at++;
		int failed;

		if (only_operands || word[0] != '-' || word[1] == 0)
			failed = read_operand(&p, word, e);
		else if (strcmp(word, "--") == 0)
			failed = 0, only_operands = true;
		else if (word[1] == '-')
			failed = read_long(&p, word + 2, e);
		else
			failed = read_letters(&p, word + 1, e);
		if (failed)
			return -1;
	}
	return check_operands(a, e);
}
