#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hmap.h"
#include "base/log_line.h"
#include "base/log_repeat.h"

enum { MESSAGE_BYTES = 2000, TIME_BYTES = 40 };

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static const char *const format_names[] = { "text", "json" };
static enum log_level threshold = LOG_LEVEL_INFO;
static enum log_format format = LOG_FORMAT_TEXT;
static const char *process = "layerfs";
static bool never_waits;
static atomic_uint n_lost; /* lines since one was written */

/* No struct lock: who logs may hold one of any rank. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct repeats repeats; /* guarded by lock */

static const struct {
	const char *name;
	const char *meaning;
} events[] = {
#define X(name, meaning) { #name, meaning },
	LOG_EVENTS(X)
#undef X
};

const char *
log_event_name(enum log_event ev)
{
	return events[ev].name;
}

const char *
log_event_meaning(enum log_event ev)
{
	return events[ev].meaning;
}

int
log_parse_level(const char *name)
{
	for (int i = 0; i <= LOG_LEVEL_DEBUG; i++)
		if (strcmp(name, level_names[i]) == 0)
			return i;
	return -1;
}

int
log_parse_format(const char *name)
{
	for (int i = 0; i <= LOG_FORMAT_JSON; i++)
		if (strcmp(name, format_names[i]) == 0)
			return i;
	return -1;
}

void
log_set_level(enum log_level level)
{
	threshold = level;
}

void
log_set_format(enum log_format f)
{
	format = f;
}

void
log_set_name(const char *name)
{
	process = name;
}

static bool
is_to_journal(void)
{
	return getenv("JOURNAL_STREAM") != NULL;
}

void
log_never_wait(void)
{
	never_waits = true;
}

/* syslog priorities, which the journal reads from the line's start */
static void
add_priority(struct log_line *l, enum log_level level)
{
	static const char *const priority[] = { "<3>", "<4>", "<6>", "<7>" };

	if (is_to_journal())
		log_line_add(l, priority[level]);
}

static void
write_time(char out[TIME_BYTES])
{
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(
	    out + n, TIME_BYTES - n, ".%03ldZ", now.tv_nsec / 1000000 % 1000);
}

static void
add_text(struct log_line *l, enum log_level level, const char *message)
{
	char when[TIME_BYTES];

	if (!is_to_journal()) {
		write_time(when);
		log_line_add(l, when);
		log_line_add(l, " ");
		log_line_add(l, process);
		log_line_add(l, " ");
		log_line_add(l, level_names[level]);
		log_line_add(l, ": ");
	}
	log_line_add_safe(l, message);
}

static void
add_json(struct log_line *l, enum log_level level, enum log_event ev,
    const struct log_field *fields, const char *message)
{
	char when[TIME_BYTES];

	write_time(when);
	log_line_add(l, "{");
	log_line_add_member(l, "time", when);
	log_line_add_member(l, "level", level_names[level]);
	log_line_add_member(l, "process", process);
	log_line_add_member(l, "event", events[ev].name);
	log_line_add_member(l, "message", message);
	for (; fields != NULL && fields->name != NULL; fields++)
		if (fields->value != NULL)
			log_line_add_member(l, fields->name, fields->value);
	log_line_add(l, "}");
}

/* False: it was said often enough.  Else the message says what was not. */
static bool
is_worth_writing(enum log_level level, char message[MESSAGE_BYTES])
{
	size_t n = strlen(message);
	unsigned left_out;
	bool is_worth;

	pthread_mutex_lock(&lock);
	is_worth = repeats_note(&repeats, hash_bytes(message, n, level) | 1,
	    clock_now_ns(), &left_out);
	pthread_mutex_unlock(&lock);
	if (is_worth && left_out > 0)
		snprintf(message + n, MESSAGE_BYTES - n,
		    " (and %u times more that were not logged)", left_out);
	return is_worth;
}

/* A file may say EAGAIN where it has only to wait for itself. */
static bool
may_wait_for_ever(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) == 0 &&
	       (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

/* Pipes and sockets know RWF_NOWAIT from Linux 6.4 on; before, another process may
 * write between the question and the line. */
static ssize_t
write_now(const struct log_line *l)
{
	const struct iovec v = { (void *)l->text, l->n };
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t n = pwritev2(STDERR_FILENO, &v, 1, -1, RWF_NOWAIT);

	if (n >= 0 || errno != EOPNOTSUPP)
		return n;
	if (poll(&p, 1, 0) > 0)
		return write(STDERR_FILENO, l->text, l->n);
	errno = EAGAIN;
	return -1;
}

static ssize_t
write_line(const struct log_line *l)
{
	return never_waits && may_wait_for_ever()
		   ? write_now(l)
		   : write(STDERR_FILENO, l->text, l->n);
}

static void
put(struct log_line *l, enum log_level level, enum log_event ev,
    const struct log_field *fields, const char *message)
{
	l->n = 0;
	add_priority(l, level);
	if (format == LOG_FORMAT_JSON)
		add_json(l, level, ev, fields, message);
	else
		add_text(l, level, message);
	log_line_add(l, "\n");
	if (write_line(l) < 0 && errno == EAGAIN)
		n_lost++;
}

static void
tell_lost(struct log_line *l)
{
	unsigned n = atomic_exchange(&n_lost, 0);
	char message[80];

	if (n == 0)
		return;
	snprintf(message, sizeof message,
	    "%u lines were lost: nobody reads this log fast enough", n);
	put(l, LOG_LEVEL_WARN, LOG_EVENT_note, NULL, message);
	if (n_lost > 0)
		n_lost += n - 1;
}

void
log_event(enum log_level level, enum log_event ev,
    const struct log_field *fields, const char *fmt, ...)
{
	int saved = errno;
	char message[MESSAGE_BYTES];
	struct log_line l;
	va_list ap;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	if (is_worth_writing(level, message)) {
		tell_lost(&l);
		put(&l, level, ev, fields, message);
	}
	errno = saved;
}
