/* How this machine's settings have registries reached: layerfs.toml's [registry],
 * and whose registries.conf.  For the daemon and for commands that ask registries
 * by themselves. */
#ifndef DAEMON_CLIENT_OPTIONS_H
#define DAEMON_CLIENT_OPTIONS_H

#include <stdbool.h>

#include "registry/registry.h"
#include "base/limits.h"

struct config;

/* They point into *c and into `own`, the room for the path of a user's own file. */
struct registry_options client_options(
    const struct config *c, bool is_root, char own[LIMIT_PATH_BYTES]);

#endif
