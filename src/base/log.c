#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 2048 };

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static enum log_level threshold = LOG_LEVEL_INFO;
static const char *process = "layerfs";

int
log_parse_level(const char *name)
{
	for (int i = 0; i <= LOG_LEVEL_DEBUG; i++)
		if (strcmp(name, level_names[i]) == 0)
			return i;
	return -1;
}

void
log_set_level(enum log_level level)
{
	threshold = level;
}

void
log_set_name(const char *name)
{
	process = name;
}

static int
put_prefix(char *line, size_t size, enum log_level level)
{
	/* syslog priorities, which the journal reads from the line's start */
	static const int priority[] = { 3, 4, 6, 7 };
	struct timespec now;
	struct tm tm;
	char when[32];

	if (getenv("JOURNAL_STREAM") != NULL)
		return snprintf(line, size, "<%d>", priority[level]);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
	return snprintf(line, size, "%s.%03ldZ %s %s: ", when,
	    now.tv_nsec / 1000000, process, level_names[level]);
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	char line[LINE_BYTES];
	va_list ap;
	int n;

	if (level > threshold)
		return;
	n = put_prefix(line, sizeof line, level);
	va_start(ap, fmt);
	errno = saved;
	n += vsnprintf(line + n, sizeof line - n, fmt, ap);
	va_end(ap);
	if (n > LINE_BYTES - 2)
		n = LINE_BYTES - 2;
	/* A name from an image may hold a newline; an event is one line. */
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		errno = saved;
	errno = saved;
}
