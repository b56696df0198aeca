/* What the supervisor held for the last worker: descriptors, each for one heir, and
 * the sessions of mounts and runtimes' connections.  Whoever takes one over sets it
 * to -1; the rest is closed in the end.
 */
#ifndef DAEMON_INHERITANCE_H
#define DAEMON_INHERITANCE_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/agent.h"

struct err;

struct inheritance {
	int root;
	int config;
	int listener;
	int snapshotter;
	int cri;
	int secrets;
	int metrics;
	int requests;
	struct held *sessions; /* mounts and runtimes' connections */
	size_t n_sessions;
};

#define INHERITANCE_INIT                                \
	{                                               \
		-1, -1, -1, -1, -1, -1, -1, -1, NULL, 0 \
	}

/* Everything that the supervisor holds; what nobody wants is closed. */
int inheritance_take(struct inheritance *i, struct agent *a, struct err *e);
void inheritance_release(struct inheritance *i);

/* The session of that name, or NULL. */
struct held *inheritance_find(struct inheritance *i, const char *name);
bool inheritance_is_mount(const struct held *h);

#endif
