#include "registry/tool.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/credential.h"
#include "base/err.h"

enum { MOST_OPTIONS = 32 };

static const struct option common[] = {
	{ "ca", required_argument, NULL, 'c' },
	{ "hosts", required_argument, NULL, 'h' },
	{ "retries", required_argument, NULL, 'r' },
	{ "user", required_argument, NULL, 'u' },
	{ "identity-token", required_argument, NULL, 't' },
	{ "auth-file", required_argument, NULL, 'a' },
};

enum { N_COMMON = sizeof common / sizeof *common };

static bool
take_option(struct tool *t, const struct tool_program *p, int letter)
{
	switch (letter) {
	case 'c':
		t->options.ca_file = optarg;
		return true;
	case 'h':
		t->hosts_dirs[0] = optarg;
		return true;
	case 'r':
		t->options.max_retries = atoi(optarg);
		return true;
	case 'a':
		t->auth_file = optarg;
		return true;
	case 'u':
		t->user = optarg;
		return strchr(optarg, ':') != NULL;
	case 't':
		t->identity_token = optarg;
		return true;
	default:
		return p->take_option(t, letter);
	}
}

static int
give_credential(struct tool *t, struct err *e)
{
	AUTO_CREDENTIAL struct credential c = { 0 };
	bool found = t->user != NULL || t->identity_token != NULL;

	if (t->user != NULL) {
		const char *colon = strchr(t->user, ':');

		c.username = strndup(t->user, colon - t->user);
		c.password = strdup(colon + 1);
	}
	if (t->identity_token != NULL)
		c.identity_token = strdup(t->identity_token);
	if (t->auth_file != NULL &&
	    (setenv("REGISTRY_AUTH_FILE", t->auth_file, 1) < 0 ||
		credential_find(&c, &found, t->ref.host, t->ref.repository, e) <
		    0))
		return -1;
	return found ? registry_set_credential(
			   t->registry, t->ref.host, "", &c, e)
		     : 0;
}

static int
open_registry(struct tool *t, const char *reference, struct err *e)
{
	if (reference_parse(&t->ref, reference, e) < 0)
		return -1;
	t->registry = registry_new(&t->options, e);
	if (t->registry == NULL)
		return -1;
	return t->ref.is_layout ? 0 : give_credential(t, e);
}

static int
run(struct tool *t, const struct tool_program *p, const struct tool_command *c,
    char **args)
{
	struct err e = ERR_INIT;
	int rc = open_registry(t, args[0], &e);

	if (rc == 0)
		rc = p->begin(t, &e);
	if (rc == 0)
		rc = c->run(t, args + 1, &e);
	if (p->end != NULL)
		p->end(t);
	reference_release(&t->ref);
	registry_free(t->registry);
	if (rc == 0)
		return 0;
	fprintf(stderr, "%s: %s\n", strerrorname_np(e.code), e.msg);
	return 1;
}

static int
say_usage(const struct tool_program *p)
{
	fprintf(stderr, "usage: %s\n", p->usage);
	return 2;
}

static bool
take_options(
    struct tool *t, const struct tool_program *p, int argc, char **argv)
{
	struct option all[MOST_OPTIONS] = { 0 };
	size_t n = 0;
	int letter;

	memcpy(all, common, sizeof common);
	for (; p->options[n].name != NULL; n++) {
		assert(N_COMMON + n + 1 < MOST_OPTIONS);
		all[N_COMMON + n] = p->options[n];
	}
	t->options.hosts_dirs = t->hosts_dirs;
	while ((letter = getopt_long(argc, argv, "", all, NULL)) != -1)
		if (!take_option(t, p, letter))
			return false;
	return true;
}

int
tool_main(struct tool *t, const struct tool_program *p, int argc, char **argv)
{
	const struct tool_command *c = p->commands;

	if (!take_options(t, p, argc, argv))
		return say_usage(p);
	argv += optind;
	argc -= optind;
	while (argc >= 2 && c->name != NULL && strcmp(c->name, argv[0]) != 0)
		c++;
	if (c->name == NULL || argc != 2 + c->n_args)
		return say_usage(p);
	return run(t, p, c, argv + 1);
}
