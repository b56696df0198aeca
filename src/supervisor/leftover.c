#include "supervisor/leftover.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/copies.h"
#include "supervisor/dead_target.h"
#include "supervisor/fusermount.h"
#include "supervisor/hold.h"
#include "supervisor/lost.h"
#include "supervisor/message.h"
#include "supervisor/mounter.h"
#include "supervisor/mounttable.h"
#include "supervisor/upper.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/scout.h"

/* For all targets that lie where nobody answers, together, and once more for the
 * folders of those that answered: no worker runs yet. */
enum { PATIENCE_MS = 2000 };

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

/* Reads may hold the end of an EROFS mount up until a worker answers them. */
static void
unmount(const struct mounter *m, const char *id, bool is_erofs)
{
	struct message q = { .kind = MESSAGE_UNMOUNT, .number = is_erofs };
	struct err e;
	int fd;

	strcpy(q.name, id);
	if (mounter_run(m, &q, NULL, 0, &fd, &e) != 0)
		log_warn("left behind: %s", e.msg);
}

static size_t
unmount_dead(const struct mounter *m, const struct mounttable *t,
    const char *points, struct list *holds)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		const char *id = mounted_name_in(&t->all[i], points);

		if (id == NULL || !message_is_id(id) ||
		    !is_dead(&t->all[i], id, holds))
			continue;
		unmount(m, id, mounted_is(&t->all[i], "erofs"));
		n++;
	}
	return n;
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

/* Of mounts that were being made, or taken away, when their supervisor was
 * killed. */
static void
remove_points(
    const struct mounter *m, const struct mounttable *t, const char *points)
{
	int fd = openat(m->points, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL) {
		const char *id = entry->d_name + (entry->d_name[0] == '.');

		if (message_is_id(id) && !is_mounted(t, points, id))
			unmount(m, id, false);
	}
	closedir(d);
}

/* Where lies what was written over it?  One of which nobody knows is dropped: a mount
 * that lacks that would not be the same. */
static void
find_uppers(const struct mounter *m, struct list *lost)
{
	list_for_each_safe(k, lost) {
		struct lost *l = list_entry(k, struct lost, link);

		if (l->overlay[0] == '\0')
			continue;
		if (faccessat(m->uppers, l->overlay, F_OK, 0) != 0)
			lost_drop(l);
		else
			l->is_elsewhere =
			    upper_is_elsewhere(m->uppers, l->overlay);
	}
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
		    mounter_remove_upper(m, entry->d_name, &e) != 0)
			log_warn("left behind: %s", e.msg);
	closedir(d);
}

static size_t
clean_dead(const struct mounter *m, struct list *holds, struct list *lost,
    struct grace *g)
{
	char points[LIMIT_PATH_BYTES];
	struct mounttable t;
	size_t n = 0;
	struct err e;

	if (mounttable_read(&t, &e) != 0) {
		log_warn("left behind: %s", e.msg);
		return 0;
	}
	if (find_points(m, points)) {
		const struct copies dead = { &t, points, is_dead, holds };

		grace_begin(g, PATIENCE_MS);
		copies_detach(&dead, g, lost);
		if (lost != NULL) {
			find_uppers(m, lost);
			grace_begin(g, PATIENCE_MS);
			lost_open_folders(lost, g);
		}
		n = unmount_dead(m, &t, points, holds);
		remove_points(m, &t, points);
		if (m->uppers >= 0)
			remove_uppers(m, &t, points);
	}
	mounttable_release(&t);
	return n;
}

static bool
is_ours(const struct mounttable *t, const char *target)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->all[i].target, target) == 0 &&
		    strcmp(t->all[i].type, "fuse.layerfs") == 0)
			return true;
	return false;
}

/* fusermount3 would wait there, ten seconds for each. */
static bool
answers(const char *target, struct grace *g)
{
	struct err e;
	AUTO_CLOSE int fd = dead_target_open(target, g, &e);

	if (fd < 0)
		log_warn("left behind: %s", e.msg);
	return fd >= 0;
}

/* A user's own daemon mounts on the target itself, and nobody but that user may
 * take it away. */
static void
clean_targets(struct list *lost, struct grace *g)
{
	struct mounttable t = { 0 };
	struct err e;

	if (!list_is_empty(lost) && mounttable_read(&t, &e) != 0)
		log_warn("left behind: %s", e.msg);
	grace_begin(g, PATIENCE_MS);
	list_for_each_safe(k, lost) {
		struct lost *l = list_entry(k, struct lost, link);

		if (is_ours(&t, l->target) && answers(l->target, g) &&
		    fusermount_unmount(l->target, true, &e) == 0)
			continue;
		lost_drop(l);
	}
	mounttable_release(&t);
}

/* In the supervisor itself, so it goes back to where it was: the worker's
 * arguments may be relative. */
size_t
leftover_clean(const struct mounter *m, struct list *holds, struct list *lost,
    struct grace *g)
{
	AUTO_CLOSE int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t n = 0;

	if (m->is_root)
		n = clean_dead(m, holds, lost, g);
	else if (lost != NULL)
		clean_targets(lost, g);
	if (!has_sessions(holds))
		mounter_clean(m);
	if (here >= 0 && fchdir(here) != 0)
		log_warn("cannot go back to the first folder");
	return n;
}
