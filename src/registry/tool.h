/* What regtool and pushtool share: whose registry it is, the login, and the command
 * line.  Not part of the library.
 *
 *	TOOL [OPTION...] COMMAND REFERENCE [ARGUMENT...]
 *
 *	--ca FILE, --hosts DIR, --retries N, --auth-file FILE, --user NAME:PASSWORD,
 *	--identity-token TOKEN
 */
#ifndef REGISTRY_TOOL_H
#define REGISTRY_TOOL_H

#include <getopt.h>
#include <stdbool.h>

#include "registry/reference.h"
#include "registry/registry.h"

struct err;

/* A program's own struct has it as its first member. */
struct tool {
	struct registry_options options;
	const char *hosts_dirs[2];
	const char *auth_file, *user,
	    *identity_token; /* of the login, or NULL */

	/* While a command runs. */
	struct registry *registry;
	struct reference ref;
};

struct tool_command {
	const char *name;
	int n_args; /* after REFERENCE */
	int (*run)(struct tool *t, char **args, struct err *e);
};

struct tool_program {
	const char *usage;
	/* Its own, under other letters than chrtua; the last has no name. */
	const struct option *options;
	/* False: there is none such. */
	bool (*take_option)(struct tool *t, int letter);
	const struct tool_command *commands; /* likewise */
	/* With registry and reference; the login is given. */
	int (*begin)(struct tool *t, struct err *e);
	void (*end)(struct tool *t); /* also of what did not begin; or NULL */
};

/* The exit status: 1 with what failed on stderr, as "ECODE: text"; 2 for a wrong
 * command line. */
int tool_main(
    struct tool *t, const struct tool_program *p, int argc, char **argv);

#endif
