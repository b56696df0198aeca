#include "supervisor/copies.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

enum { TABLE_MAX = 64 << 20, DEVICE_SIZE = 24 };

/* A line of /proc/self/mountinfo. */
struct line {
	char device[DEVICE_SIZE]; /* "0:57" */
	char *target;
};

/* Spaces, tabs, newlines and backslashes are three octal digits there. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != 0; s++) {
		unsigned c;

		if (*s == '\\' && sscanf(s + 1, "%3o", &c) == 1) {
			*to++ = (char)c;
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

static bool
parse(char *text, struct line *out)
{
	int at = 0;

	if (sscanf(text, "%*d %*d %23s %*s %n", out->device, &at) != 1 ||
	    at == 0)
		return false;
	out->target = text + at;
	out->target[strcspn(out->target, " ")] = 0;
	unescape(out->target);
	return true;
}

static size_t
read_table(char *text, struct line *lines, size_t max)
{
	size_t n = 0;
	char *rest = NULL;

	for (char *l = strtok_r(text, "\n", &rest); l != NULL && n < max;
	     l = strtok_r(NULL, "\n", &rest))
		n += parse(l, &lines[n]);
	return n;
}

static bool
is_below(const struct line *l, const char *points)
{
	size_t n = strlen(points);

	return strncmp(l->target, points, n) == 0 && l->target[n] == '/';
}

/* RUN/m/ID; deeper ones may be of any file system. */
static bool
is_point(const struct line *l, const char *points)
{
	return is_below(l, points) &&
	       strchr(l->target + strlen(points) + 1, '/') == NULL;
}

static bool
is_copy(
    const struct line *l, const struct line *all, size_t n, const char *points)
{
	if (is_below(l, points))
		return false;
	for (size_t i = 0; i < n; i++)
		if (is_point(&all[i], points) &&
		    strcmp(all[i].device, l->device) == 0)
			return true;
	return false;
}

/* The newest first: one may lie on another. */
static void
detach_each(const struct line *lines, size_t n, const char *points)
{
	for (size_t i = n; i > 0; i--) {
		const struct line *l = &lines[i - 1];

		if (is_copy(l, lines, n, points) &&
		    umount2(l->target, MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
			log_warn("left behind: %s: %m", l->target);
	}
}

static size_t
count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		n++;
	return n;
}

void
copies_detach(int points)
{
	AUTO_BUF struct buf table = BUF_INIT(TABLE_MAX);
	AUTO_FREE struct line *lines = NULL;
	char link[40], path[LIMIT_PATH_BYTES];
	struct err e;
	ssize_t len;
	size_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", points);
	len = readlink(link, path, sizeof path - 1);
	if (len < 0 ||
	    fs_read_file(AT_FDCWD, "/proc/self/mountinfo", &table, &e) < 0)
		return;
	path[len] = 0;
	n = count_lines(buf_str(&table));
	lines = calloc(n + 1, sizeof *lines);
	if (lines != NULL)
		detach_each(
		    lines, read_table((char *)table.data, lines, n), path);
}
