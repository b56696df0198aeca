#include <errno.h>
#include <unistd.h>

#include "mount/session.h"
#include "base/err.h"

static int
fuse_probe(struct mount_server *s, struct err *e)
{
	(void)s;
	if (access("/dev/fuse", F_OK) != 0)
		return err_set(
		    e, ENOTSUP, "there is no /dev/fuse (modprobe fuse)");
	return 0;
}

static struct mount *
fuse_mount(struct mount_server *s, const char *id, struct view *v,
    const char *source, const char *target, struct err *e)
{
	struct agent_fuse_options o = { .source = source,
		.target = target,
		.read_ahead_kb = s->options.read_ahead_kb };
	const struct session_face face = { .ops = &session_ops, .view = v };
	struct session *x = session_mount(s, id, &face, &o, e);

	return x == NULL ? NULL : &x->mount;
}

static struct mount *
fuse_resume(struct mount_server *s, const char *id, struct view *v,
    struct held *h, struct err *e)
{
	const struct session_face face = { .ops = &session_ops, .view = v };
	struct session *x = session_resume(s, id, &face, h, e);

	return x == NULL ? NULL : &x->mount;
}

/* The kernel takes them from programs, too, that have them mapped. */
static int
fuse_drop_pages(struct mount *m, const uint64_t *nids, size_t n,
    unsigned *n_kept, struct err *e)
{
	struct session *x = container_of(m, struct session, mount);

	(void)n_kept;
	for (size_t i = 0; i < n; i++)
		if (session_drop_pages(x, nids[i]) < 0 && errno != ENOENT)
			return err_sys(e, "mount %s: drop pages", m->id);
	return 0;
}

static void
fuse_remove(struct mount *m)
{
	session_unmount(container_of(m, struct session, mount));
}

static void
fuse_forget(struct mount *m)
{
	session_unref(container_of(m, struct session, mount));
}

const struct mount_kind mount_fuse = {
	.name = "fuse",
	.held = "fuse",
	.why = "the daemon answers for files and folders",
	.probe = fuse_probe,
	.mount = fuse_mount,
	.resume = fuse_resume,
	.drop_pages = fuse_drop_pages,
	.remove = fuse_remove,
	.forget = fuse_forget,
};
