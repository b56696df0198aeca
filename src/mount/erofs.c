/* The kernel's EROFS on the index, with a file of data_fs.h for its contents:
 * of the file itself, or of two loop devices. */
#include <errno.h>

#include "mount/session.h"
#include "mount/trial.h"
#include "layer/view.h"
#include "index/index.h"
#include "supervisor/agent.h"
#include "base/err.h"
#include "base/log.h"

static int
mount_index(struct mount *m, const char *source, bool is_loop, struct err *e)
{
	const struct mount_server *s = m->server;
	const struct agent_erofs_options o = { .source = source,
		.data = AGENT_DATA_ID,
		.index = index_fd(view_index(m->view)),
		.read_ahead_kb = s->options.read_ahead_kb,
		.is_loop = is_loop };

	return agent_mount_erofs(s->agent, m->id, &o, e);
}

static struct mount *
mount_with(struct mount_server *s, const struct mount_kind *kind,
    const char *id, struct view *v, const char *source, struct err *e)
{
	struct mount *m;

	if (data_fs_prepare(s, e) != 0)
		return NULL;
	m = data_fs_add(s, kind, id, v, false, e);
	if (m == NULL || mount_index(m, source, kind == &mount_loop, e) == 0)
		return m;
	data_fs_remove(m);
	return NULL;
}

/* ---- the seam ---- */

static int
erofs_probe(struct mount_server *s, struct err *e)
{
	if (s->options.kernel != MOUNT_KERNEL_AUTO)
		return err_set(e, ECANCELED, "not configured");
	return trial_run(s, false, e);
}

static int
loop_probe(struct mount_server *s, struct err *e)
{
	if (s->options.kernel != MOUNT_KERNEL_LOOP)
		return err_set(e, ECANCELED, "not configured");
	return trial_run(s, true, e);
}

static struct mount *
erofs_mount(struct mount_server *s, const char *id, struct view *v,
    const char *source, const char *target, struct err *e)
{
	(void)target; /* a user's own daemon has none of this */
	return mount_with(s, &mount_erofs, id, v, source, e);
}

static struct mount *
loop_mount(struct mount_server *s, const char *id, struct view *v,
    const char *source, const char *target, struct err *e)
{
	(void)target;
	return mount_with(s, &mount_loop, id, v, source, e);
}

static struct mount *
erofs_resume(struct mount_server *s, const char *id, struct view *v,
    struct held *h, struct err *e)
{
	struct mount *m = data_fs_add(s, &mount_erofs, id, v, true, e);

	if (m == NULL)
		return NULL;
	cleanup_close(&h->fd); /* the kernel has the index open */
	h->fd = -1;
	return m;
}

static int
erofs_drop_pages(struct mount *m, const uint64_t *nids, size_t n,
    unsigned *n_kept, struct err *e)
{
	return agent_drop_pages(m->server->agent, m->id, nids, n, n_kept, e);
}

static void
erofs_remove(struct mount *m)
{
	bool is_held_up;
	struct err e;

	if (agent_unmount_erofs(m->server->agent, m->id, &is_held_up, &e) != 0)
		log_warn("unmount %s: %s", m->id, e.msg);
	if (is_held_up)
		read_end(m);
	data_fs_remove(m);
}

const struct mount_kind mount_erofs = {
	.name = "erofs",
	.held = "erofs",
	.why = "the kernel reads folders and attributes itself, and asks the "
	       "daemon for contents alone",
	.probe = erofs_probe,
	.mount = erofs_mount,
	.resume = erofs_resume,
	.drop_pages = erofs_drop_pages,
	.remove = erofs_remove,
	.forget = data_fs_remove,
};

/* What it leaves is held and goes on as the other's. */
const struct mount_kind mount_loop = {
	.name = "erofs-loop",
	.held = "erofs",
	.why = "the kernel reads folders and attributes itself, by loop "
	       "devices, and asks the daemon for contents alone",
	.probe = loop_probe,
	.mount = loop_mount,
	.resume = erofs_resume,
	.drop_pages = erofs_drop_pages,
	.remove = erofs_remove,
	.forget = data_fs_remove,
};
