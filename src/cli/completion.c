#include <stdio.h>
#include <string.h>

#include "cli/help.h"

/* The words of the options, separated by spaces. */
static void
print_option_words(FILE *f, uint32_t which)
{
	for (int id = 0; id < OPTION_COUNT; id++) {
		const struct option_spec *o = &option_specs[id];

		if ((which & OPTION_BIT(id)) == 0)
			continue;
		fprintf(f, " --%s", o->name);
		if (o->letter != 0)
			fprintf(f, " -%c", o->letter);
	}
}

static void
print_command_words(FILE *f)
{
	for (size_t i = 0; i < n_commands; i++)
		fprintf(f, " %s", commands[i].name);
}

/* Options with a value of that name, as a case pattern. */
static void
print_options_with(FILE *f, const char *value)
{
	const char *bar = "";

	for (int id = 0; id < OPTION_COUNT; id++) {
		const struct option_spec *o = &option_specs[id];

		if (o->value == NULL || strcmp(o->value, value) != 0)
			continue;
		fprintf(f, "%s--%s", bar, o->name);
		bar = "|";
	}
}

static const char *
operand_words(enum operand_kind kind)
{
	switch (kind) {
	case OPERAND_IMAGE:
		return "$(_layerfs_images)";
	case OPERAND_IMAGE_AND_FOLDER:
		return "$(_layerfs_images) $(compgen -d -- \"$word\")";
	case OPERAND_MOUNT:
		return "$(layerfs ls -q 2>/dev/null)";
	case OPERAND_SHELL:
		return "bash";
	case OPERAND_COMMAND:
		return "$commands";
	case OPERAND_PROFILE:
		return "show export import record rm push $(_layerfs_images) "
		       "$(compgen -f -- \"$word\")";
	case OPERAND_NONE:
		break;
	}
	return "";
}

static void
print_case(FILE *f, const struct command *c)
{
	fprintf(f, "\t%s", c->name);
	if (c->alias != NULL)
		fprintf(f, "|%s", c->alias);
	fputs(")\n\t\toptions+=\"", f);
	print_option_words(f, c->options);
	fprintf(f, "\"\n\t\toperands=\"%s\" ;;\n", operand_words(c->kind));
}

/* The script, around the lists.  bash takes a colon in a reference for the end
 * of a word; the helper of bash-completion, where it is there, puts that right.
 */
static const char before_commands[] =
    "# bash completion for layerfs, made by `layerfs completion bash`\n"
    "_layerfs_images() {\n"
    "\tlayerfs images 2>/dev/null |\n"
    "\t\tawk 'NR > 1 && $1 != \"<none>\" { print $1 }'\n"
    "}\n"
    "_layerfs() {\n"
    "\tlocal word previous command='' operands='' i\n"
    "\tlocal commands='";
static const char before_folder_options[] =
    "'\n"
    "\tword=${COMP_WORDS[COMP_CWORD]}\n"
    "\tprevious=${COMP_WORDS[COMP_CWORD-1]}\n"
    "\tif declare -F _get_comp_words_by_ref >/dev/null; then\n"
    "\t\t_get_comp_words_by_ref -n : -c word -p previous\n"
    "\tfi\n"
    "\tcase $previous in\n"
    "\t";
static const char before_file_options[] =
    ")\n"
    "\t\tCOMPREPLY=($(compgen -d -- \"$word\"))\n"
    "\t\tcompopt -o filenames 2>/dev/null\n"
    "\t\treturn ;;\n"
    "\t";
static const char before_cases[] =
    ")\n"
    "\t\tCOMPREPLY=($(compgen -f -- \"$word\"))\n"
    "\t\tcompopt -o filenames 2>/dev/null\n"
    "\t\treturn ;;\n"
    "\tesac\n"
    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
    "\t\tcase \" $commands umount \" in\n"
    "\t\t*\" ${COMP_WORDS[i]} \"*) command=${COMP_WORDS[i]}; break ;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "\tcase $command in\n"
    "\t'') operands=$commands ;;\n";
static const char after_cases[] =
    "\tesac\n"
    "\tif [[ $word == -* ]]; then operands=$options; fi\n"
    "\tCOMPREPLY=($(compgen -W \"$operands\" -- \"$word\"))\n"
    "\tif declare -F __ltrim_colon_completions >/dev/null; then\n"
    "\t\t__ltrim_colon_completions \"$word\"\n"
    "\tfi\n"
    "}\n"
    "complete -F _layerfs layerfs\n";

void
completion_print_bash(FILE *f)
{
	fputs(before_commands, f);
	print_command_words(f);
	fputs("'\n\tlocal options='", f);
	print_option_words(f, OPTIONS_OF_ALL);
	fputs(before_folder_options, f);
	print_options_with(f, "DIR");
	fputs(before_file_options, f);
	print_options_with(f, "FILE");
	fputs(before_cases, f);
	for (size_t i = 0; i < n_commands; i++)
		print_case(f, &commands[i]);
	fputs(after_cases, f);
}
