/* layerfs, the command.  Its words are the table in cli/command.c; each command
 * is a cmd_*.c. */
#include <stdio.h>

#include "cli/help.h"
#include "cli/session.h"
#include "base/err.h"

static int
run(const struct arguments *a)
{
	CLEANUP(session_release) struct session s;

	session_init(&s, a);
	return a->command->run(&s);
}

int
main(int argc, char **argv)
{
	struct arguments a;
	struct err e;
	int status = STATUS_DONE;

	if (arguments_parse(&a, argc, argv, &e) < 0)
		return session_misuse(a.command, &e);
	if (arguments_has(&a, OPTION_VERSION))
		puts("layerfs " PACKAGE_VERSION);
	else if (arguments_has(&a, OPTION_HELP) && a.command != NULL)
		help_print_command(stdout, a.command);
	else if (arguments_has(&a, OPTION_HELP))
		help_print_all(stdout);
	else
		status = run(&a);
	/* A full disk or a closed pipe is a result that was not delivered. */
	if (fflush(stdout) != 0 && status == STATUS_DONE)
		status = STATUS_FAILED, perror("layerfs: standard output");
	return status;
}
