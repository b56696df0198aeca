#include "supervisor/oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"

enum { TABLE_MAX = 64 << 10 };
/* The kernel's scale, and a tenth of the memory that there is. */
enum { SCORE_MAX = 1000, SCORE_ADDED = 100 };

/* After the `key` that a line begins with, or NULL. */
static const char *
find_line(const char *text, const char *key)
{
	size_t n = strlen(key);

	while (text != NULL && strncmp(text, key, n) != 0) {
		text = strchr(text, '\n');
		if (text != NULL)
			text++;
	}
	return text != NULL ? text + n : NULL;
}

/* NUMBER:CONTROLLERS:PATH; version 2 has no controllers there.  A machine may have
 * both, and memory is in one of them. */
bool
oom_find_file(const char *cgroups, char file[LIMIT_PATH_BYTES])
{
	static const char *const top = "/sys/fs/cgroup";
	const char *first = strstr(cgroups, ":memory:");
	const char *second = find_line(cgroups, "0::");
	int n = -1;

	if (first != NULL) {
		first += strlen(":memory:");
		n = snprintf(file, LIMIT_PATH_BYTES,
		    "%s/memory%.*s/memory.oom_control", top,
		    (int)strcspn(first, "\n"), first);
	} else if (second != NULL) {
		n = snprintf(file, LIMIT_PATH_BYTES, "%s%.*s/memory.events",
		    top, (int)strcspn(second, "\n"), second);
	}
	return n > 0 && n < LIMIT_PATH_BYTES;
}

int64_t
oom_parse(const char *text)
{
	const char *number = find_line(text, "oom_kill ");

	return number != NULL ? strtoll(number, NULL, 10) : -1;
}

int64_t
oom_count(void)
{
	AUTO_BUF struct buf cgroups = BUF_INIT(TABLE_MAX);
	AUTO_BUF struct buf counters = BUF_INIT(TABLE_MAX);
	char file[LIMIT_PATH_BYTES];
	struct err ignored;

	if (fs_read_file(AT_FDCWD, "/proc/self/cgroup", &cgroups, &ignored) !=
		0 ||
	    !oom_find_file(buf_str(&cgroups), file) ||
	    fs_read_file(AT_FDCWD, file, &counters, &ignored) != 0)
		return -1;
	return oom_parse(buf_str(&counters));
}

/* Everybody may raise the number. */
void
oom_go_first(void)
{
	AUTO_CLOSE int fd =
	    open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char text[16] = { 0 };
	int score, n;

	if (fd < 0 || pread(fd, text, sizeof text - 1, 0) <= 0)
		return;
	score = atoi(text) + SCORE_ADDED;
	n = snprintf(
	    text, sizeof text, "%d", score < SCORE_MAX ? score : SCORE_MAX);
	if (pwrite(fd, text, n, 0) != n)
		log_debug("/proc/self/oom_score_adj: %m");
}
