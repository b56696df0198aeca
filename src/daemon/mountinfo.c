#include "daemon/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"

/* The table takes 10 us a mount and holds up who mounts meanwhile: of a thousand
 * it is read for a fiftieth of the time. */
enum { SETTLE_MS = 200, REST = 50, TEXT_MAX = 64 << 20 };

struct mountinfo {
	struct loop *loop;
	void (*on_change)(void *ctx, const struct mountinfo *now);
	void *ctx;
	int fd;
	struct watch *watch;
	struct timer *timer; /* NULL when none is set */
	uint64_t rest_ns;    /* after the last look */
	struct deferred look;
	_Atomic bool is_look_queued;
	struct buf text; /* the file, its fields cut into texts */
	char **points;   /* mount points, sorted */
	size_t n_points;
};

/* "\040" and friends. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != 0; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] != 0 &&
		    s[3] != 0) {
			*to++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 |
				(s[3] - '0');
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

static int
compare_points(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The fifth field of each line is the mount point. */
static char *
find_point(char *line)
{
	for (int field = 1; field < 5; field++) {
		line = strchr(line, ' ');
		if (line == NULL)
			return NULL;
		line++;
	}
	line[strcspn(line, " ")] = 0;
	unescape(line);
	return line;
}

static int
parse_points(struct mountinfo *m, struct err *e)
{
	size_t lines = 1;
	char *next = (char *)buf_str(&m->text);

	for (const char *p = next; *p != 0; p++)
		lines += *p == '\n';
	free(m->points);
	m->n_points = 0;
	m->points = calloc(lines, sizeof *m->points);
	if (m->points == NULL)
		return err_set(e, ENOMEM, "list of mounts");
	for (char *line; (line = strsep(&next, "\n")) != NULL;) {
		char *point = find_point(line);

		if (point != NULL)
			m->points[m->n_points++] = point;
	}
	qsort(m->points, m->n_points, sizeof *m->points, compare_points);
	return 0;
}

/* False, with a warning, when they cannot be told. */
static bool
read_points(struct mountinfo *m)
{
	struct err e = ERR_INIT;

	m->text.len = 0;
	if (fs_read_file(AT_FDCWD, "/proc/self/mountinfo", &m->text, &e) == 0 &&
	    parse_points(m, &e) == 0)
		return true;
	log_warn("%s", e.msg);
	return false;
}

/* What this thread has worked: a look that waited for a processor took none. */
static uint64_t
worked_ns(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void
look_now(void *ctx)
{
	struct mountinfo *m = ctx;
	uint64_t before_ns = worked_ns();

	m->timer = NULL;
	if (read_points(m))
		m->on_change(m->ctx, m);
	m->rest_ns = (worked_ns() - before_ns) * REST;
}

static void
set_timer(struct mountinfo *m)
{
	struct err e = ERR_INIT;

	if (m->timer != NULL)
		return;
	m->timer = loop_at(m->loop,
	    clock_now_ns() + max_u64(SETTLE_MS * NS_PER_MS, m->rest_ns),
	    look_now, m, &e);
	if (m->timer == NULL)
		log_warn("%s", e.msg);
}

/* The kernel says EPOLLPRI once for each change and reader. */
static void
on_event(void *ctx, uint32_t ready)
{
	(void)ready;
	set_timer(ctx);
}

static void
on_look(struct deferred *d)
{
	struct mountinfo *m = container_of(d, struct mountinfo, look);

	atomic_store(&m->is_look_queued, false);
	set_timer(m);
}

void
mountinfo_look(struct mountinfo *m)
{
	if (!atomic_exchange(&m->is_look_queued, true))
		loop_defer(m->loop, &m->look);
}

bool
mountinfo_has(const struct mountinfo *m, const char *path)
{
	return bsearch(&path, m->points, m->n_points, sizeof *m->points,
		   compare_points) != NULL;
}

/* 1, 0; -1: only the table knows, because this process may not look there, or
 * the kernel is older than 5.8.  Asks nobody who serves the path. */
static int
is_mount_root(const char *path)
{
	enum { FLAGS = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT };
	struct statx sx;

	if (statx(AT_FDCWD, path, FLAGS | AT_STATX_DONT_SYNC, 0, &sx) != 0 ||
	    (sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0)
		return -1;
	return (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* The table takes milliseconds where there are a thousand mounts. */
bool
mountinfo_shows(const char *path)
{
	struct mountinfo now = { .text = BUF_INIT(TEXT_MAX) };
	int is_root = is_mount_root(path);
	bool is_there;

	if (is_root >= 0)
		return is_root;
	is_there = read_points(&now) && mountinfo_has(&now, path);

	free(now.points);
	buf_release(&now.text);
	return is_there;
}

/* What mount_overlay() of the supervisor makes. */
static const char *
overlay_id(const struct mntent *m)
{
	const char *name = strrchr(m->mnt_dir, '/');

	if (strcmp(m->mnt_type, "overlay") != 0 ||
	    strcmp(m->mnt_fsname, "layerfs") != 0 || name == NULL ||
	    name - m->mnt_dir < 2 || strncmp(name - 2, "/m", 2) != 0)
		return NULL;
	return name + 1;
}

void
mountinfo_each_overlay(void (*fn)(void *ctx, const char *id), void *ctx)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	if (f == NULL)
		return;
	while ((m = getmntent(f)) != NULL)
		if (overlay_id(m) != NULL)
			fn(ctx, overlay_id(m));
	endmntent(f);
}

struct mountinfo *
mountinfo_new(struct loop *l,
    void (*on_change)(void *ctx, const struct mountinfo *now), void *ctx,
    struct err *e)
{
	struct mountinfo *m = calloc(1, sizeof *m);

	if (m == NULL) {
		err_set(e, ENOMEM, "list of mounts");
		return NULL;
	}
	m->loop = l;
	m->on_change = on_change;
	m->ctx = ctx;
	m->look.run = on_look;
	buf_init(&m->text, TEXT_MAX);
	m->fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (m->fd < 0) {
		err_sys(e, "open /proc/self/mountinfo");
		mountinfo_free(m);
		return NULL;
	}
	m->watch = loop_watch(l, m->fd, EPOLLPRI, on_event, m, e);
	if (m->watch == NULL) {
		mountinfo_free(m);
		return NULL;
	}
	return m;
}

void
mountinfo_free(struct mountinfo *m)
{
	if (m == NULL)
		return;
	if (m->timer != NULL)
		timer_cancel(m->timer);
	if (m->watch != NULL)
		watch_remove(m->watch);
	if (m->fd >= 0)
		close(m->fd);
	free(m->points);
	buf_release(&m->text);
	free(m);
}
