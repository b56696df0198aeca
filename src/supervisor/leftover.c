#include "supervisor/leftover.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/copies.h"
#include "supervisor/hold.h"
#include "supervisor/message.h"
#include "supervisor/mounter.h"
#include "supervisor/mounttable.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

static bool
has_sessions(struct list *holds)
{
	list_for_each(l, holds)
		if (strncmp(list_entry(l, struct held_fd, link)->h.name,
			"fuse:", strlen("fuse:")) == 0)
			return true;
	return false;
}

static bool
is_held(struct list *holds, const char *kind, const char *id)
{
	char name[AGENT_NAME_MAX + 1];

	snprintf(name, sizeof name, "%s:%.*s", kind, AGENT_ID_MAX, id);
	return hold_find(holds, name) != NULL;
}

static bool
is_dead(const struct mounted *point, const char *id, void *ctx)
{
	struct list *holds = ctx;

	if (!has_sessions(holds))
		return true;
	if (mounted_is(point, "fuse"))
		return !is_held(holds, "fuse", id);
	return mounted_is(point, "erofs") && !is_held(holds, "erofs", id);
}

/* The path of RUN/m, as the table has it. */
static bool
find_points(const struct mounter *m, char path[LIMIT_PATH_BYTES])
{
	char link[40];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", m->points);
	n = readlink(link, path, LIMIT_PATH_BYTES - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return true;
}

static void
unmount(const struct mounter *m, const char *id)
{
	struct message q = { .kind = MESSAGE_UNMOUNT };
	struct err e;
	int fd;

	strcpy(q.name, id);
	if (mounter_run(m, &q, NULL, 0, &fd, &e) != 0)
		log_warn("left behind: %s", e.msg);
}

static void
unmount_dead(const struct mounter *m, const struct mounttable *t,
    const char *points, struct list *holds)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *id = mounted_name_in(&t->all[i], points);

		if (id != NULL && message_is_id(id) &&
		    is_dead(&t->all[i], id, holds))
			unmount(m, id);
	}
}

static bool
is_mounted(const struct mounttable *t, const char *points, const char *id)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *name = mounted_name_in(&t->all[i], points);

		if (name != NULL && strcmp(name, id) == 0)
			return true;
	}
	return false;
}

/* Temporary upper layers whose overlay is gone. */
static void
remove_uppers(
    const struct mounter *m, const struct mounttable *t, const char *points)
{
	int fd = openat(m->uppers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct err e;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.' &&
		    !is_mounted(t, points, entry->d_name) &&
		    fs_remove_tree(m->uppers, entry->d_name, &e) != 0)
			log_warn("left behind: %s", e.msg);
	closedir(d);
}

static void
clean_dead(const struct mounter *m, struct list *holds)
{
	char points[LIMIT_PATH_BYTES];
	struct mounttable t;
	struct err e;

	if (mounttable_read(&t, &e) != 0) {
		log_warn("left behind: %s", e.msg);
		return;
	}
	if (find_points(m, points)) {
		copies_detach(&t, points, is_dead, holds);
		unmount_dead(m, &t, points, holds);
		if (m->uppers >= 0)
			remove_uppers(m, &t, points);
	}
	mounttable_release(&t);
}

/* In the supervisor itself, so it goes back to where it was: the worker's
 * arguments may be relative. */
void
leftover_clean(const struct mounter *m, struct list *holds)
{
	AUTO_CLOSE int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (m->is_root)
		clean_dead(m, holds);
	if (!has_sessions(holds))
		mounter_clean(m);
	if (here >= 0 && fchdir(here) != 0)
		log_warn("cannot go back to the first folder");
}
