/* A command line, parsed against the table of cli/command.h.
 *
 *	layerfs [OPTION...] COMMAND [OPTION|OPERAND]... [-- OPERAND...]
 *
 * Options and operands may be mixed; "--name=value", "--name value" and bundled
 * letters ("-lq") are understood; of an option given twice the last counts.
 */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"

struct err;

struct arguments {
	const struct command *command;    /* NULL: none was given */
	const char *values[OPTION_COUNT]; /* NULL: not given; flags: "" */
	char **operands;                  /* they lie in argv */
	size_t n_operands;
};

/* EINVAL says what is wrong with the line.  Reorders argv, which must outlive
 * *a.  After a failure a->command is the command, if it got so far.  With
 * --help or --version the operands are not counted. */
int arguments_parse(struct arguments *a, int argc, char **argv, struct err *e);

static inline bool
arguments_has(const struct arguments *a, enum option_id id)
{
	return a->values[id] != NULL;
}

#endif
