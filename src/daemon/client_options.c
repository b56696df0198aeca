#include "daemon/client_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/config.h"

/* A user's own file goes before the system's, as podman has it. */
static const char *
find_registries_conf(
    const struct config *c, bool is_root, char own[LIMIT_PATH_BYTES])
{
	static const char name[] = ".config/containers/registries.conf";
	const char *home = getenv("HOME");

	if (*c->registries_conf == 0 || home == NULL || is_root ||
	    snprintf(own, LIMIT_PATH_BYTES, "%s/%s", home, name) >=
		LIMIT_PATH_BYTES ||
	    access(own, F_OK) != 0)
		return c->registries_conf;
	return own;
}

struct registry_options
client_options(const struct config *c, bool is_root, char own[LIMIT_PATH_BYTES])
{
	return (struct registry_options){
		.hosts_dirs = (const char *const *)c->hosts_dirs,
		.registries_conf = find_registries_conf(c, is_root, own),
		.ca_file = *c->ca_file == 0 ? NULL : c->ca_file,
		.connect_timeout_ms = c->connect_timeout_ms,
		.stall_timeout_ms = c->stall_timeout_ms,
		.max_connections = c->max_connections,
	};
}
