/* layerfs help, layerfs completion. */
#include <errno.h>
#include <string.h>

#include "cli/help.h"
#include "cli/output.h"
#include "cli/session.h"
#include "base/doc.h"
#include "base/err.h"

static struct doc *
describe_options(uint32_t which)
{
	struct doc *list = doc_new_array();

	for (int id = 0; id < OPTION_COUNT; id++) {
		struct doc *o;

		if ((which & OPTION_BIT(id)) == 0)
			continue;
		o = doc_new_object();
		doc_set_string(o, "name", option_specs[id].name);
		if (option_specs[id].letter != 0)
			doc_set_string(o, "letter",
			    (char[]){ option_specs[id].letter, 0 });
		if (option_specs[id].value != NULL)
			doc_set_string(o, "value", option_specs[id].value);
		doc_set_string(o, "meaning", option_specs[id].meaning);
		doc_append(list, o);
	}
	return list;
}

/* The table itself, for those who generate something from it. */
static void
print_json(const struct command *only)
{
	AUTO_DOC struct doc *all = doc_new_object();
	struct doc *list = doc_new_array();

	doc_set(all, "commands", list);
	doc_set(all, "options", describe_options(OPTIONS_OF_ALL));
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *c = &commands[i];
		struct doc *o;

		if (only != NULL && only != c)
			continue;
		o = doc_new_object();
		doc_set_string(o, "name", c->name);
		doc_set_string(o, "operands", c->operands);
		doc_set_string(o, "meaning", c->meaning);
		doc_set(o, "options", describe_options(c->options));
		doc_append(list, o);
	}
	output_json(all);
}

int
cmd_help(struct session *s)
{
	const struct arguments *a = s->args;
	const struct command *c = NULL;
	struct err e;

	if (a->n_operands > 0) {
		c = command_find(a->operands[0]);
		if (c == NULL) {
			err_set(
			    &e, EINVAL, "unknown command %s", a->operands[0]);
			return session_misuse(NULL, &e);
		}
	}
	if (s->is_json)
		print_json(c);
	else if (c != NULL)
		help_print_command(stdout, c);
	else
		help_print_all(stdout);
	return STATUS_DONE;
}

int
cmd_completion(struct session *s)
{
	const char *shell = s->args->operands[0];
	struct err e;

	if (strcmp(shell, "bash") != 0) {
		err_set(
		    &e, EINVAL, "no completion for %s, only for bash", shell);
		return session_misuse(s->args->command, &e);
	}
	completion_print_bash(stdout);
	return STATUS_DONE;
}
