#include "daemon/inheritance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/rpc.h"
#include "base/cleanup.h"
#include "base/err.h"

static int
inherit_session(struct inheritance *i, const struct held *h, struct err *e)
{
	struct held *grown =
	    realloc(i->sessions, (i->n_sessions + 1) * sizeof *grown);

	if (grown == NULL)
		return err_set(e, ENOMEM, "held sessions");
	i->sessions = grown;
	i->sessions[i->n_sessions++] = *h;
	return 0;
}

bool
inheritance_is_mount(const struct held *h)
{
	return strncmp(h->name, "fuse:", strlen("fuse:")) == 0 ||
	       strncmp(h->name, "erofs:", strlen("erofs:")) == 0;
}

/* Who a held descriptor is for, by its name; NULL: nobody. */
static int *
heir_of(struct inheritance *i, const char *name)
{
	if (strcmp(name, "root") == 0)
		return &i->root;
	if (strcmp(name, "config") == 0)
		return &i->config;
	if (strcmp(name, "control") == 0)
		return &i->listener;
	if (strcmp(name, "snapshotter") == 0)
		return &i->snapshotter;
	if (strcmp(name, "cri") == 0)
		return &i->cri;
	if (strcmp(name, "secrets") == 0)
		return &i->secrets;
	if (strcmp(name, "metrics") == 0)
		return &i->metrics;
	if (strcmp(name, "requests:0") == 0)
		return &i->requests;
	return NULL;
}

int
inheritance_take(struct inheritance *i, struct agent *a, struct err *e)
{
	struct held h;

	while (agent_next_held(a, &h)) {
		int *heir = heir_of(i, h.name);

		if (heir != NULL)
			*heir = h.fd;
		else if (!inheritance_is_mount(&h) && !rpc_is_connection(&h))
			close(h.fd);
		else if (inherit_session(i, &h, e) < 0)
			return -1;
	}
	return 0;
}

void
inheritance_release(struct inheritance *i)
{
	for (size_t k = 0; k < i->n_sessions; k++)
		cleanup_close(&i->sessions[k].fd);
	free(i->sessions);
	cleanup_close(&i->root);
	cleanup_close(&i->config);
	cleanup_close(&i->listener);
	cleanup_close(&i->snapshotter);
	cleanup_close(&i->cri);
	cleanup_close(&i->secrets);
	cleanup_close(&i->metrics);
	cleanup_close(&i->requests);
}

struct held *
inheritance_find(struct inheritance *i, const char *name)
{
	for (size_t k = 0; k < i->n_sessions; k++)
		if (strcmp(i->sessions[k].name, name) == 0)
			return &i->sessions[k];
	return NULL;
}
