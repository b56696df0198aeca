#include "cli/help.h"

#include <string.h>

#include "cli/output.h"

/* "-l, --lazy" or "    --upper DIR". */
static void
add_option(struct table *t, const struct option_spec *o)
{
	char name[64];

	snprintf(name, sizeof name, "  %c%c%c --%s%s%s",
	    o->letter != 0 ? '-' : ' ', o->letter != 0 ? o->letter : ' ',
	    o->letter != 0 ? ',' : ' ', o->name, o->value != NULL ? " " : "",
	    o->value != NULL ? o->value : "");
	table_add(t, name);
	table_add(t, o->meaning);
}

static void
print_options(FILE *f, const char *head, uint32_t which)
{
	AUTO_TABLE struct table t;

	table_init(&t, NULL, 2, 0);
	for (int id = 0; id < OPTION_COUNT; id++)
		if ((which & OPTION_BIT(id)) != 0)
			add_option(&t, &option_specs[id]);
	fprintf(f, "\n%s\n", head);
	table_print(&t, f);
}

static void
print_commands(FILE *f)
{
	AUTO_TABLE struct table t;

	table_init(&t, NULL, 2, 0);
	for (size_t i = 0; i < n_commands; i++) {
		char line[128];

		snprintf(line, sizeof line, "  %s %s", commands[i].name,
		    commands[i].operands);
		table_add(&t, line);
		table_add(&t, commands[i].meaning);
	}
	fputs("\nCommands:\n", f);
	table_print(&t, f);
}

void
help_print_all(FILE *f)
{
	fputs("Usage: layerfs [OPTION...] COMMAND [OPTION...] [OPERAND...]\n"
	      "Mount container images at once, fetch their files when they "
	      "are read.\n",
	    f);
	print_commands(f);
	print_options(f, "Options:", OPTIONS_OF_ALL);
	fputs("\n`layerfs help COMMAND` explains one; layerfs(1) tells the "
	      "rest.\n",
	    f);
}

void
help_print_command(FILE *f, const struct command *c)
{
	fprintf(f, "Usage: layerfs %s%s%s%s\n%s%s%s\n", c->name,
	    c->options != 0 ? " [OPTION...]" : "",
	    c->operands[0] != 0 ? " " : "", c->operands, c->meaning,
	    c->alias != NULL ? "; also called " : "",
	    c->alias != NULL ? c->alias : "");
	if (c->options != 0)
		print_options(f, "Options:", c->options);
	print_options(f, "Options of every command:", OPTIONS_OF_ALL);
}
