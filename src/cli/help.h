/* Texts made from the table of commands: help, and the script that completes
 * commands in bash. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

/* All commands and the options that each of them takes. */
void help_print_all(FILE *f);
void help_print_command(FILE *f, const struct command *c);

void completion_print_bash(FILE *f);

#endif
