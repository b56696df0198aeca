/* A supervisor, to tests, that has no EROFS: FUSE is all that there is. */
#include <errno.h>
#include <stdbool.h>

#include "supervisor/agent.h"
#include "base/err.h"

bool
agent_is_root(const struct agent *a)
{
	(void)a;
	return false;
}

int
agent_mount_erofs(struct agent *a, const char *id,
    const struct agent_erofs_options *o, struct err *e)
{
	(void)a;
	(void)o;
	return err_set(e, ENOTSUP, "%s", id);
}

int
agent_unmount_erofs(
    struct agent *a, const char *id, bool *is_held_up, struct err *e)
{
	*is_held_up = false;
	return agent_unmount(a, id, e);
}

int
agent_drop_pages(struct agent *a, const char *id, const uint64_t *nids,
    size_t n, unsigned *n_kept, struct err *e)
{
	(void)a;
	(void)nids;
	(void)n;
	(void)n_kept;
	return err_set(e, ENOTSUP, "%s", id);
}

int
agent_try_erofs(struct agent *a, const char *id,
    const struct agent_erofs_options *o, struct err *e)
{
	return agent_mount_erofs(a, id, o, e);
}
