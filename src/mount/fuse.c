#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "mount/session.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

static int
fuse_probe(struct mount_server *s, struct err *e)
{
	(void)s;
	if (access("/dev/fuse", F_OK) != 0)
		return err_set(
		    e, ENOTSUP, "there is no /dev/fuse (modprobe fuse)");
	return 0;
}

static void
unmount(struct mount_server *s, const char *id)
{
	struct err e;

	if (agent_unmount(s->agent, id, &e) != 0)
		log_warn("unmount %s: %s", id, e.msg);
}

static struct mount *
fuse_mount(struct mount_server *s, const char *id, struct view *v,
    const char *source, const char *target, struct err *e)
{
	struct agent_fuse_options o = { .source = source,
		.target = target,
		.read_ahead_kb = s->options.read_ahead_kb };
	AUTO_CLOSE int fd = -1;
	struct session *x;

	if (agent_mount_fuse(s->agent, id, &o, &fd, e) != 0)
		return NULL;
	x = session_new(s, id, v, fd, e);
	if (x != NULL)
		take_fd(&fd);
	if (x != NULL && server_add(s, x, e) == 0 &&
	    server_wait_start(&x->mount, e) == 0)
		return &x->mount;
	unmount(s, id);
	if (x != NULL)
		session_unref(x);
	return NULL;
}

static struct mount *
fuse_resume(struct mount_server *s, const char *id, struct view *v,
    struct held *h, struct err *e)
{
	struct session *x = session_new(s, id, v, h->fd, e);

	if (x == NULL)
		return NULL;
	h->fd = -1;
	if (h->payload_len > 0)
		init_replay(x, h->payload, h->payload_len);
	if (server_add(s, x, e) == 0)
		return &x->mount;
	session_unref(x);
	return NULL;
}

/* Lazily: who has files open goes on reading them, so the session is served
 * until the kernel ends it. */
static void
fuse_remove(struct mount *m)
{
	struct session *x = container_of(m, struct session, mount);

	unmount(m->server, m->id);
	session_unref(x);
}

static void
fuse_forget(struct mount *m)
{
	session_unref(container_of(m, struct session, mount));
}

const struct mount_kind mount_fuse = {
	.name = "fuse",
	.probe = fuse_probe,
	.mount = fuse_mount,
	.resume = fuse_resume,
	.remove = fuse_remove,
	.forget = fuse_forget,
};
