/* The table of commands and options: what there is, and what each means in one
 * line.  The parser (cli/arguments.h), the help, the shell completion and the
 * manual's test all read it, so nothing can be in one and missing in another.
 *
 * Constant data; any thread.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;

enum option_id {
	/* of every command */
	OPTION_RUN,
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_HELP,
	OPTION_VERSION,
	/* of some */
	OPTION_RW,
	OPTION_UPPER,
	OPTION_UNREACHABLE,
	OPTION_LAYER,
	OPTION_MOUNT_OPTIONS,
	OPTION_PLAIN_HTTP,
	OPTION_UNMOUNT_LAZY,
	OPTION_PULL_LAZY,
	OPTION_FETCH,
	OPTION_UNUSED,
	OPTION_ALL,
	OPTION_DRY_RUN,
	OPTION_REPAIR,
	OPTION_ONCE,
	OPTION_INTERVAL,
	OPTION_PLATFORM,
	OPTION_LEVEL,
	OPTION_JOBS,
	OPTION_PROFILE,
	OPTION_FORCE,
	OPTION_ESTIMATE,
	OPTION_COUNT
};

#define OPTION_BIT(id) (UINT32_C(1) << (id))
#define OPTIONS_OF_ALL                                           \
	(OPTION_BIT(OPTION_RUN) | OPTION_BIT(OPTION_JSON) |      \
	    OPTION_BIT(OPTION_QUIET) | OPTION_BIT(OPTION_HELP) | \
	    OPTION_BIT(OPTION_VERSION))

struct option_spec {
	const char *name;    /* without the dashes; two commands may use one */
	char letter;         /* 0: none */
	const char *value;   /* what it takes, or NULL for a flag */
	const char *meaning; /* one line, no full stop */
};

/* What a command's operands are: only the completion cares. */
enum operand_kind {
	OPERAND_NONE,
	OPERAND_IMAGE,
	OPERAND_IMAGE_AND_FOLDER,
	OPERAND_MOUNT,
	OPERAND_SHELL,
	OPERAND_COMMAND,
	OPERAND_PROFILE,
};

enum exit_status { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

enum { OPERANDS_ANY = 1 << 20 };

struct command {
	const char *name;
	const char *alias;    /* or NULL */
	const char *operands; /* as the usage line shows them; "" for none */
	const char *meaning;
	uint32_t options; /* OPTION_BITs, without OPTIONS_OF_ALL */
	size_t min_operands, max_operands;
	enum operand_kind kind;
	/* Does it; an exit_status.  What went wrong was reported. */
	int (*run)(struct session *s);
};

extern const struct option_spec option_specs[OPTION_COUNT];

/* In the order in which the help lists them. */
extern const struct command commands[];
extern const size_t n_commands;

/* By name or alias; NULL when there is none. */
const struct command *command_find(const char *name);

/* Whether the command (NULL: the part before it) takes the option. */
bool command_takes(const struct command *c, enum option_id id);

/* Implemented by the cmd_*.c files. */
int cmd_mount(struct session *s);
int cmd_unmount(struct session *s);
int cmd_ls(struct session *s);
int cmd_top(struct session *s);
int cmd_images(struct session *s);
int cmd_stat(struct session *s);
int cmd_inspect(struct session *s);
int cmd_explain(struct session *s);
int cmd_index(struct session *s);
int cmd_push(struct session *s);
int cmd_profile(struct session *s);
int cmd_pull(struct session *s);
int cmd_convert(struct session *s);
int cmd_rm(struct session *s);
int cmd_prune(struct session *s);
int cmd_pin(struct session *s);
int cmd_unpin(struct session *s);
int cmd_verify(struct session *s);
int cmd_version(struct session *s);
int cmd_completion(struct session *s);
int cmd_help(struct session *s);

#endif
