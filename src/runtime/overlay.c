#include "runtime/overlay.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

void
snapshot_mount_release(struct snapshot_mount *m)
{
	free(m->source);
	for (size_t i = 0; i < m->n_options; i++)
		free(m->options[i]);
	*m = (struct snapshot_mount){ 0 };
}

/* The first namespace maps all ids to themselves. */
static bool
is_in_user_namespace(void)
{
	AUTO_BUF struct buf map = BUF_INIT(LIMIT_PATH_BYTES);
	struct err ignored = ERR_INIT;
	unsigned inside, outside, count;

	if (fs_read_file(AT_FDCWD, "/proc/self/uid_map", &map, &ignored) < 0)
		return false;
	return sscanf(buf_str(&map), "%u %u %u", &inside, &outside, &count) !=
		   3 ||
	       outside != 0 || count != UINT32_MAX;
}

void
overlay_probe(struct overlay_needs *out)
{
	out->index_off =
	    access("/sys/module/overlay/parameters/index", F_OK) == 0;
	out->userxattr = is_in_user_namespace();
}

static int
add(struct snapshot_mount *m, const char *name, const char *value,
    struct err *e)
{
	assert(m->n_options < SNAPSHOT_OPTIONS_MAX);
	if (asprintf(&m->options[m->n_options], "%s%s", name, value) < 0)
		return err_set(e, ENOMEM, "mount options");
	m->n_options++;
	return 0;
}

static int
add_inside(struct snapshot_mount *m, const char *name, const char *folder,
    const char *inside, struct err *e)
{
	char path[LIMIT_PATH_BYTES];

	snprintf(path, sizeof path, "%s%s", folder, inside);
	return add(m, name, path, e);
}

static int
add_lowers(const struct overlay *o, struct snapshot_mount *m, struct err *e)
{
	AUTO_BUF struct buf all = BUF_INIT(MIB(1));

	for (size_t i = 0; i < o->n_lowers; i++)
		if (buf_printf(
			&all, e, "%s%s", i == 0 ? "" : ":", o->lowers[i]) < 0)
			return -1;
	return add(m, "lowerdir=", buf_str(&all), e);
}

/* What has nothing below it, or nothing above: overlayfs takes no single
 * folder. */
static int
bind(const struct overlay *o, struct snapshot_mount *m, struct err *e)
{
	int n = o->n_lowers == 0 ? asprintf(&m->source, "%s/fs", o->own)
				 : asprintf(&m->source, "%s", o->lowers[0]);

	if (n < 0) {
		m->source = NULL;
		return err_set(e, ENOMEM, "mount options");
	}
	m->type = "bind";
	if (add(m, o->is_view ? "ro" : "rw", "", e) < 0)
		return -1;
	return add(m, "rbind", "", e);
}

static int
stack(const struct overlay *o, struct snapshot_mount *m, struct err *e)
{
	m->type = "overlay";
	m->source = strdup("overlay");
	if (m->source == NULL)
		return err_set(e, ENOMEM, "mount options");
	if (o->needs->index_off && add(m, "index=off", "", e) < 0)
		return -1;
	if (o->needs->userxattr && add(m, "userxattr", "", e) < 0)
		return -1;
	if (!o->is_view &&
	    (add_inside(m, "workdir=", o->own, "/work", e) < 0 ||
		add_inside(m, "upperdir=", o->own, "/fs", e) < 0))
		return -1;
	return add_lowers(o, m, e);
}

int
overlay_mount(
    const struct overlay *o, struct snapshot_mount *out, struct err *e)
{
	bool is_single = o->n_lowers == 0 || (o->is_view && o->n_lowers == 1);

	*out = (struct snapshot_mount){ 0 };
	if ((is_single ? bind(o, out, e) : stack(o, out, e)) == 0)
		return 0;
	snapshot_mount_release(out);
	return -1;
}
