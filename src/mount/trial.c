#include "mount/trial.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mount/data_fs.h"
#include "mount/session.h"
#include "index/tree.h"
#include "index/writer.h"
#include "supervisor/agent.h"
#include "base/cleanup.h"
#include "base/err.h"

static int
add_file(struct tree *t, struct err *e)
{
	const struct node_attr root = { .mode = S_IFDIR | 0755 };
	const struct node_attr a = { .mode = S_IFREG | 0444,
		.size = strlen(AGENT_TRIAL_TEXT) };

	if (tree_add(t, "", 0, &root, e) == NULL ||
	    tree_add(t, AGENT_TRIAL_FILE, strlen(AGENT_TRIAL_FILE), &a, e) ==
		NULL)
		return -1;
	return tree_finish(t, e);
}

/* EROFS mounts no file of tmpfs, so it lies where indexes do. */
static int
make_index(int root, struct err *e)
{
	const struct index_options o = { .data_blocks = 1 };
	AUTO_TREE struct tree *t = tree_new(e);
	AUTO_CLOSE int fd = -1;

	if (t == NULL || add_file(t, e) != 0)
		return -1;
	fd = openat(root, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "make an index");
	if (index_write(t, &o, fd, e) != 0)
		return -1;
	return take_fd(&fd);
}

static int
try_index(struct mount_server *s, int index, bool is_loop, struct err *e)
{
	const struct agent_erofs_options o = { .source = "layerfs-trial",
		.data = AGENT_TRIAL_DATA_ID,
		.index = index,
		.is_loop = is_loop };
	struct mount *m =
	    data_fs_add(s, &mount_erofs, AGENT_TRIAL_ID, NULL, false, e);
	int rc;

	if (m == NULL)
		return -1;
	rc = agent_try_erofs(s->agent, AGENT_TRIAL_ID, &o, e);
	data_fs_remove(m);
	return rc;
}

/* What a worker left that died meanwhile. */
static void
remove_earlier(struct mount_server *s)
{
	struct err ignored;

	agent_unmount(s->agent, AGENT_TRIAL_ID, &ignored);
	agent_unmount(s->agent, AGENT_TRIAL_DATA_ID, &ignored);
}

int
trial_run(struct mount_server *s, bool by_loop_devices, struct err *e)
{
	AUTO_CLOSE int index = -1;
	struct session *x;
	int rc;

	if (!agent_is_root(s->agent))
		return err_set(e, ENOTSUP, "only root may");
	index = make_index(s->options.root, e);
	if (index < 0)
		return -1;
	remove_earlier(s);
	x = data_fs_mount_trial(s, e);
	if (x == NULL)
		return -1;
	rc = try_index(s, index, by_loop_devices, e);
	session_unmount(x);
	return rc;
}
