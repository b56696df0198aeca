/* podman's registries.conf (containers-registries.conf(5)), as far as it says
 * where an image is fetched from:
 *
 *	[[registry]]
 *	prefix = "docker.io/library"      # or "*.example.com"; else the location
 *	location = "registry.example/hub" # in place of the prefix; else itself
 *	insecure = false                  # TLS unverified, then http
 *	blocked = false
 *	mirror-by-digest-only = false
 *	  [[registry.mirror]]
 *	  location = "mirror.example/hub"
 *	  insecure = false
 *	  pull-from-mirror = "all"        # "digest-only", "tag-only"
 *
 * The longest prefix decides; mirrors are asked in order, the location last.  What
 * else the file says (unqualified-search-registries, short-name-mode, aliases,
 * credential-helpers, the old [registries.*] tables) is skipped.  A "tag-only"
 * mirror is asked for everything: once a tag is known all is by digest.
 *
 * Parsing is pure.  Files are added in the order in which they are read: a later
 * one's registry replaces an earlier one's of the same prefix.
 */
#ifndef REGISTRY_REGISTRIES_CONF_H
#define REGISTRY_REGISTRIES_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct err;
struct host_list;

/* A mirror is two hosts where it is insecure. */
enum { LIMIT_REGISTRIES = 1000, LIMIT_MIRRORS = 30 };

struct registries_place {
	char *location; /* "host[:port][/path]" */
	bool is_insecure;
	bool is_for_digests; /* tags are not asked for */
};

struct registries_rule {
	char *prefix;
	bool is_blocked;
	struct registries_place *places; /* mirrors, the location last */
	size_t n_places;
};

struct registries_conf {
	struct registries_rule *rules;
	size_t n;
};

#define AUTO_REGISTRIES_CONF CLEANUP(registries_conf_release)

void registries_conf_release(struct registries_conf *c);

/* EBADMSG says which registry is wrong; nothing is added then. */
int registries_conf_add(
    struct registries_conf *c, const char *text, size_t n, struct err *e);

/* NULL: none is about this repository. */
const struct registries_rule *registries_conf_find(
    const struct registries_conf *c, const char *host, const char *repository);

/* The hosts that the rule, which registries_conf_find() gave for it, names.
 * EACCES: it is blocked. */
struct host_list *registries_rule_hosts(const struct registries_rule *r,
    const char *host, const char *repository, struct err *e);

#endif
