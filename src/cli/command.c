#include "cli/command.h"

#include <string.h>

const struct option_spec option_specs[OPTION_COUNT] = {
	[OPTION_RUN] = { "run", 0, "DIR",
	    "speak to the daemon whose socket lies in DIR" },
	[OPTION_JSON] = { "json", 0, NULL, "print the result as JSON" },
	[OPTION_QUIET] = { "quiet", 'q', NULL,
	    "show no progress, print names only" },
	[OPTION_HELP] = { "help", 'h', NULL, "explain the command" },
	[OPTION_VERSION] = { "version", 0, NULL,
	    "print the version of this command" },
	[OPTION_RW] = { "rw", 0, NULL, "allow writing: put an overlay on top" },
	[OPTION_UPPER] = { "upper", 0, "DIR",
	    "keep what is written in DIR instead of a temporary folder" },
	[OPTION_LAYER] = { "layer", 0, "N|DIGEST",
	    "mount one layer, counted from 0 at the bottom, not the image" },
	[OPTION_MOUNT_OPTIONS] = { "options", 'o', "LIST",
	    "nosuid, nodev or both: no set-user-ID programs, no devices" },
	[OPTION_PLAIN_HTTP] = { "plain-http", 0, NULL,
	    "speak HTTP without TLS to the registry" },
	[OPTION_UNMOUNT_LAZY] = { "lazy", 'l', NULL,
	    "detach now, even while files are open" },
	[OPTION_PULL_LAZY] = { "lazy", 0, NULL,
	    "fetch only the tables of contents" },
	[OPTION_ONCE] = { "once", 0, NULL, "show one picture and end" },
	[OPTION_INTERVAL] = { "interval", 0, "SECONDS",
	    "between two pictures; 2 unless told otherwise" },
};

const struct command commands[] = {
	{ .name = "mount",
	    .operands = "REF TARGET",
	    .meaning = "make an image visible at a folder",
	    .options = OPTION_BIT(OPTION_RW) | OPTION_BIT(OPTION_UPPER) |
		       OPTION_BIT(OPTION_LAYER) |
		       OPTION_BIT(OPTION_MOUNT_OPTIONS) |
		       OPTION_BIT(OPTION_PLAIN_HTTP),
	    .min_operands = 2,
	    .max_operands = 2,
	    .kind = OPERAND_IMAGE_AND_FOLDER,
	    .run = cmd_mount },
	{ .name = "unmount",
	    .alias = "umount",
	    .operands = "TARGET...",
	    .meaning = "take mounts away",
	    .options = OPTION_BIT(OPTION_UNMOUNT_LAZY),
	    .min_operands = 1,
	    .max_operands = OPERANDS_ANY,
	    .kind = OPERAND_MOUNT,
	    .run = cmd_unmount },
	{ .name = "ls",
	    .operands = "",
	    .meaning = "list the mounts",
	    .run = cmd_ls },
	{ .name = "top",
	    .operands = "",
	    .meaning = "watch what mounts read, fetch and wait for",
	    .options = OPTION_BIT(OPTION_ONCE) | OPTION_BIT(OPTION_INTERVAL),
	    .run = cmd_top },
	{ .name = "images",
	    .operands = "",
	    .meaning = "list the images that are known here",
	    .run = cmd_images },
	{ .name = "stat",
	    .operands = "[REF]",
	    .meaning = "show what the store holds, or how much of one image",
	    .max_operands = 1,
	    .kind = OPERAND_IMAGE,
	    .run = cmd_stat },
	{ .name = "inspect",
	    .operands = "REF",
	    .meaning = "show an image's manifest, config and layers",
	    .options = OPTION_BIT(OPTION_PLAIN_HTTP),
	    .min_operands = 1,
	    .max_operands = 1,
	    .kind = OPERAND_IMAGE,
	    .run = cmd_inspect },
	{ .name = "explain",
	    .operands = "REF",
	    .meaning = "say of each layer whether it is lazy, or why not",
	    .options = OPTION_BIT(OPTION_PLAIN_HTTP),
	    .min_operands = 1,
	    .max_operands = 1,
	    .kind = OPERAND_IMAGE,
	    .run = cmd_explain },
	{ .name = "pull",
	    .operands = "REF",
	    .meaning = "fetch an image into the store",
	    .options =
		OPTION_BIT(OPTION_PULL_LAZY) | OPTION_BIT(OPTION_PLAIN_HTTP),
	    .min_operands = 1,
	    .max_operands = 1,
	    .kind = OPERAND_IMAGE,
	    .run = cmd_pull },
	{ .name = "profile",
	    .operands = "ACTION REF [FILE]",
	    .meaning = "show, copy or make anew what an image's start reads",
	    .options = OPTION_BIT(OPTION_PLAIN_HTTP),
	    .min_operands = 2,
	    .max_operands = 3,
	    .kind = OPERAND_PROFILE,
	    .run = cmd_profile },
	{ .name = "rm",
	    .operands = "REF...",
	    .meaning = "remove images from the store",
	    .min_operands = 1,
	    .max_operands = OPERANDS_ANY,
	    .kind = OPERAND_IMAGE,
	    .run = cmd_rm },
	{ .name = "version",
	    .operands = "",
	    .meaning = "print the versions of command and daemon",
	    .run = cmd_version },
	{ .name = "completion",
	    .operands = "bash",
	    .meaning = "print a script that completes commands in a shell",
	    .min_operands = 1,
	    .max_operands = 1,
	    .kind = OPERAND_SHELL,
	    .run = cmd_completion },
	{ .name = "help",
	    .operands = "[COMMAND]",
	    .meaning = "list the commands, or explain one",
	    .max_operands = 1,
	    .kind = OPERAND_COMMAND,
	    .run = cmd_help },
};

const size_t n_commands = sizeof commands / sizeof commands[0];

const struct command *
command_find(const char *name)
{
	for (size_t i = 0; i < n_commands; i++)
		if (strcmp(commands[i].name, name) == 0 ||
		    (commands[i].alias != NULL &&
			strcmp(commands[i].alias, name) == 0))
			return &commands[i];
	return NULL;
}

bool
command_takes(const struct command *c, enum option_id id)
{
	uint32_t taken = OPTIONS_OF_ALL | (c == NULL ? 0 : c->options);

	return (taken & OPTION_BIT(id)) != 0;
}
